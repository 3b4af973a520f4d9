package main

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/invoicing"
	"github.com/contrail-events/contrail/internal/invoicing/mail/mailtest"
	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/publisher"
)

const subscribeTimeout = 30 * time.Second

// notified is a system with an issued invoice, whose subscribers are processes.
type notified struct {
	*testing.T

	pool   *pgxpool.Pool
	env    []string
	server *mailtest.Server
}

func newNotified(t *testing.T, server *mailtest.Server) *notified {
	t.Helper()
	url := pgtest.NewURL(t)
	pool, err := pgxpool.New(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	_, err = invoicing.Migrate(t.Context(), pool)
	require.NoError(t, err)
	broker := natstest.Start(t)
	js, err := jetstream.New(natstest.Connect(t, broker.URL()))
	require.NoError(t, err)
	relay, err := publisher.NewRelay(pool, js, publisher.Config{})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- relay.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	n := &notified{T: t, pool: pool, env: []string{"DATABASE_URL=" + url, "NATS_URL=" + broker.URL()}, server: server}
	n.exec(`INSERT INTO contrail.events (stream, version, type, data, metadata) VALUES
		('contact-1', 1, 'ContactCreated', '{"contact":{"id":"1","first_name":"Ada","last_name":"Byron","email":"ada@example.com"}}', '{"tenant_id":"t1","organisationid":"1"}'),
		('invoice-1', 1, 'InvoiceDrafted', '{"invoice":{"id":"1","organisation_id":"1","contact_id":"1","status":"drafted","currency_code":"EUR",
			"due_date":"2026-01-31","line_items":[],"sub_total":{"amount":"5.00","currency_code":"EUR"}}}', '{"tenant_id":"t1"}'),
		('invoice-1', 2, 'InvoiceIssued', '{"invoice":{"id":"1","organisation_id":"1","status":"issued","issued_at":"2026-01-02T09:00:00Z"}}', '{"tenant_id":"t1"}')`)
	if server != nil {
		server.Start(t)
		n.env = append(n.env, "CONTRAIL_MAIL=smtp://127.0.0.1:"+strconv.Itoa(server.Config().Port), "CONTRAIL_MAIL_FROM=billing@example.org")
	}
	return n
}

func (n *notified) exec(sql string) {
	n.Helper()
	_, err := n.pool.Exec(n.Context(), sql)
	require.NoError(n, err)
}

// subscribe starts a process. It is killed at the end of the test if it still runs.
func (n *notified) subscribe() *exec.Cmd {
	n.Helper()
	process := command(n.T, n.env, "subscribe", "--parts", "notifications", "--ack-wait", "1s")
	process.Stderr = &bytes.Buffer{}
	require.NoError(n, process.Start())
	return process
}

// kill ends a process at once, without a word to it.
func (n *notified) kill(process *exec.Cmd) {
	n.Helper()
	require.NoError(n, process.Process.Kill())
	require.ErrorContains(n, process.Wait(), "killed", process.Stderr)
}

// stop ends a process in order.
func (n *notified) stop(process *exec.Cmd) {
	n.Helper()
	require.NoError(n, process.Process.Signal(syscall.SIGTERM))
	require.NoError(n, process.Wait(), process.Stderr)
	require.Contains(n, process.Stderr.(*bytes.Buffer).String(), "dead_lettered=0") //nolint:errcheck,forcetypeassert // subscribe has made it
}

// expire has the attempts and claims of dead processes taken for lost at once.
func (n *notified) expire() {
	n.Helper()
	n.exec(`UPDATE contrail.delivery_attempts SET lease_until = clock_timestamp() - interval '1 s' WHERE outcome = 'started'`)
	n.exec(`UPDATE contrail.deliveries SET claimed_until = clock_timestamp() - interval '1 s' WHERE claimed_until IS NOT NULL`)
}

// becomes waits until the one delivery stands like this: its state, its reason and how many attempts it had.
func (n *notified) becomes(want string) {
	n.Helper()
	var got string
	require.Eventually(n, func() bool {
		err := n.pool.QueryRow(n.Context(), `SELECT string_agg(concat_ws(' ', state, nullif(reason, ''), attempts), ', ') FROM contrail.deliveries`).Scan(&got)
		return err == nil && got == want
	}, subscribeTimeout, 5*time.Millisecond, "want %s", want)
}

// When one part fails the others finish what they have begun, and the failure is what is told.
func TestSubscribeEndsWithItsParts(t *testing.T) {
	t.Parallel()
	failure := errors.New("no")
	var drained atomic.Bool
	parts := consumers{parts: []part{
		func(ctx context.Context) error {
			<-ctx.Done()
			drained.Store(true)
			return nil
		},
		func(context.Context) error { return failure },
	}}
	require.ErrorIs(t, parts.run(t.Context()), failure)
	require.True(t, drained.Load())
}

// A process that is killed while it plans leaves nothing: another one plans, and the mail is sent once.
func TestSubscribeKilledWhilePlanning(t *testing.T) {
	t.Parallel()
	n := newNotified(t, &mailtest.Server{})
	tx, err := n.pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), `LOCK TABLE contrail.deliveries IN EXCLUSIVE MODE`)
	require.NoError(t, err)
	first := n.subscribe()
	n.eventually(`SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%delivery_plan%'`)
	n.kill(first)
	require.NoError(t, tx.Rollback(t.Context()))
	second := n.subscribe()
	n.becomes("succeeded 1")
	n.stop(second)
	require.Len(t, n.server.Mails(), 1)
}

// A process that is killed when the server has the mail leaves a doubt: nobody sends it again, but a person.
func TestSubscribeKilledWhileSending(t *testing.T) {
	t.Parallel()
	reached, proceed := make(chan struct{}), make(chan struct{})
	n := newNotified(t, &mailtest.Server{OnData: func(net.Conn) error {
		close(reached)
		<-proceed
		return errors.New("nobody hears this")
	}})
	first := n.subscribe()
	<-reached
	n.kill(first)
	close(proceed)
	n.staysHeld()
	require.Empty(t, n.server.Mails())
}

// Nor is it sent again when it was taken, and the process is killed before it could write that down.
func TestSubscribeKilledBehindTheMail(t *testing.T) {
	t.Parallel()
	n := newNotified(t, &mailtest.Server{})
	release := n.holdOutcomes()
	first := n.subscribe()
	n.killAtOutcome(first)
	release()
	n.staysHeld()
	require.Len(t, n.server.Mails(), 1)
}

// Whoever takes a mail that comes twice for the same one gets it again: a folder has it once.
func TestSubscribeKilledWithAFolder(t *testing.T) {
	t.Parallel()
	n := newNotified(t, nil)
	folder := t.TempDir()
	n.env = append(n.env, "CONTRAIL_MAIL=dir:"+folder)
	release := n.holdOutcomes()
	first := n.subscribe()
	n.killAtOutcome(first)
	release()
	written, err := filepath.Glob(filepath.Join(folder, "*"))
	require.NoError(t, err)
	require.Len(t, written, 1)
	n.expire()
	text, err := command(t, n.env, "deliveries", "recover").CombinedOutput()
	require.NoError(t, err, string(text))
	n.becomes("failed ambiguous 1")
	n.exec(`UPDATE contrail.deliveries SET due_at = now()`)
	second := n.subscribe()
	n.becomes("succeeded 2")
	n.stop(second)
	again, err := filepath.Glob(filepath.Join(folder, "*"))
	require.NoError(t, err)
	require.Equal(t, written, again)
}

// staysHeld has another process find what the dead one has left, and leave it to a person.
func (n *notified) staysHeld() {
	n.Helper()
	mails := n.server.Mails()
	n.expire()
	second := n.subscribe()
	n.becomes("failed ambiguous 1")
	text, err := command(n.T, n.env, "deliveries", "list", "--held").CombinedOutput()
	require.NoError(n, err, string(text))
	require.Contains(n, string(text), "contact-1")
	n.stop(second)
	require.Equal(n, mails, n.server.Mails(), "nothing was sent again")
}

// holdOutcomes has each outcome of an attempt wait until release is called.
func (n *notified) holdOutcomes() (release func()) {
	n.Helper()
	n.exec(`CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_advisory_xact_lock_shared(4711); RETURN NEW; END $$;
		CREATE TRIGGER hold BEFORE UPDATE ON contrail.delivery_attempts FOR EACH ROW EXECUTE FUNCTION hold()`)
	tx, err := n.pool.Begin(n.Context())
	require.NoError(n, err)
	_, err = tx.Exec(n.Context(), `SELECT pg_advisory_xact_lock(4711)`)
	require.NoError(n, err)
	return func() { require.NoError(n, tx.Rollback(n.Context())) }
}

// killAtOutcome kills a process that is about to write an outcome, and sees to it that the server does not write it for the dead.
func (n *notified) killAtOutcome(process *exec.Cmd) {
	n.Helper()
	const writing = ` FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%delivery_complete%' AND pid <> pg_backend_pid()`
	n.eventually(`SELECT count(*) > 0` + writing)
	n.kill(process)
	n.exec(`SELECT pg_terminate_backend(pid)` + writing)
	n.eventually(`SELECT count(*) = 0` + writing)
}

// eventually waits until the database says yes.
func (n *notified) eventually(sql string) {
	n.Helper()
	require.Eventually(n, func() bool {
		var yes bool
		err := n.pool.QueryRow(n.Context(), sql).Scan(&yes)
		return err == nil && yes
	}, subscribeTimeout, 5*time.Millisecond, sql)
}
