package picture_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/localstack"
	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/internal/picture"
	"github.com/contrail-events/contrail/publisher"
	"github.com/contrail-events/contrail/subscribers"
)

const patience = 30 * time.Second

// world is both servers, and how they are looked at.
type world struct {
	*testing.T

	pool   *pgxpool.Pool
	js     jetstream.JetStream
	server *localstack.NATS
	config picture.Config
}

// newWorld is a migrated database and a broker, with nothing in them.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, pool: pgtest.New(t)}
	w.js, w.server = natstest.JetStream(t)
	w.config.Limits.Recount = time.Nanosecond
	return w
}

// reader is one that knows nothing yet, and whose parts have so long.
func (w *world) reader(timeout time.Duration) *picture.Reader {
	config := w.config
	config.Limits.Timeout = cmp.Or(config.Limits.Timeout, timeout)
	return picture.New(w.pool, w.js, config)
}

// read reads a picture.
func (w *world) read() picture.Picture { return w.reader(patience).Read(w.Context()) }

// until reads pictures until one is so.
func (w *world) until(so func(picture.Picture) bool) (found picture.Picture) {
	w.Helper()
	reader := w.reader(3 * time.Second) // what is asked while a server goes away is not answered
	require.Eventually(w, func() bool {
		found = reader.Read(w.Context())
		return so(found)
	}, patience, 10*time.Millisecond)
	return found
}

// exec runs statements one after another.
func (w *world) exec(statements ...string) {
	w.Helper()
	for _, statement := range statements {
		_, err := w.pool.Exec(w.Context(), statement)
		require.NoError(w, err, statement)
	}
}

// counted is the event of the tests.
type counted struct{}

func (counted) EventType() string { return "Counted" }

const insertEvent = `INSERT INTO contrail.events (stream, version, type, data) VALUES ('test-' || gen_random_uuid(), 1, 'Counted', '{}')`

// appended appends events.
func (w *world) appended(n int) {
	w.Helper()
	for range n {
		w.exec(insertEvent)
	}
}

// appends leaves a transaction open that has appended.
func (w *world) appends() {
	w.Helper()
	tx, err := w.pool.Begin(w.Context())
	require.NoError(w, err)
	w.Cleanup(func() {
		if err := tx.Rollback(context.WithoutCancel(w.Context())); !errors.Is(err, pgx.ErrTxClosed) {
			require.NoError(w, err)
		}
	})
	_, err = tx.Exec(w.Context(), insertEvent)
	require.NoError(w, err)
}

// stream creates the stream as the relay does.
func (w *world) stream() {
	w.Helper()
	w.create(jetstream.StreamConfig{
		Name: "EVENTS", Subjects: []string{"events.>"}, Storage: jetstream.FileStorage, DenyDelete: true, DenyPurge: true, Duplicates: 2 * time.Minute, AllowDirect: true,
	})
}

func (w *world) create(config jetstream.StreamConfig) {
	w.Helper()
	_, err := w.js.CreateStream(w.Context(), config)
	require.NoError(w, err)
}

// consumer creates the stream, a consumer on it, and messages that it would get.
func (w *world) consumer(config jetstream.ConsumerConfig, messages int) jetstream.Consumer {
	w.Helper()
	w.stream()
	created, err := w.js.CreateConsumer(w.Context(), "EVENTS", config)
	require.NoError(w, err)
	for range messages {
		w.forged("events.a.1.B")
	}
	return created
}

// forged is a message that no store has written.
func (w *world) forged(subjects ...string) {
	w.Helper()
	for _, subject := range subjects {
		_, err := w.js.Publish(w.Context(), subject, []byte("{}"))
		require.NoError(w, err)
	}
}

// run runs something until the test ends, or it is stopped.
func (w *world) run(run func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(w.Context()))
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	stopped := false
	stop = func() {
		if !stopped {
			cancel()
			require.NoError(w, <-ended)
			stopped = true
		}
	}
	w.Cleanup(stop)
	return stop
}

// relay runs a relay until the test ends, or it is stopped.
func (w *world) relay(identity string) (stop func()) {
	w.Helper()
	relay, err := publisher.NewRelay(w.pool, w.js, publisher.Config{Identity: identity})
	require.NoError(w, err)
	return w.run(relay.Run)
}

// subscription runs one until the test ends.
func (w *world) subscription(durable string, handle func(contrail.Delivered[counted]) error) {
	w.Helper()
	sub, err := subscribers.New(w.js, subscribers.Config{Durable: durable, Inbox: subscribers.NewInbox(w.pool)})
	require.NoError(w, err)
	subscribers.HandleTx(sub, func(_ context.Context, _ pgx.Tx, e contrail.Delivered[counted]) error { return handle(e) })
	w.run(sub.Run)
}

func handled(contrail.Delivered[counted]) error { return nil }

// projection runs one until the test ends.
func (w *world) projection(name string, categories ...string) {
	w.Helper()
	projection, err := subscribers.NewProjection(w.js, w.pool, subscribers.ProjectionConfig{Name: name, Categories: categories},
		func(context.Context, pgx.Tx, []contrail.Delivered[json.RawMessage]) error { return nil })
	require.NoError(w, err)
	w.run(projection.Run)
}

// told has a row stand for a relay that was heard of so long ago.
func (w *world) told(identity, state, since string) {
	w.Helper()
	w.exec(`INSERT INTO contrail.relay_processes (id, relay, identity, host, pid, version, settings, state, beat_at, broker_rtt)
		VALUES (gen_random_uuid(), 'EVENTS', '` + identity + `', 'here', 1, '', '{}', '` + state + `', clock_timestamp() - interval '` + since + `', 0.001)`)
}

// leads has a session of the test's hold the leadership in a relay's name.
func (w *world) leads(identity string) {
	w.Helper()
	w.exec(`INSERT INTO contrail.relays (stream, leader) VALUES ('EVENTS', '` + identity + `') ON CONFLICT (stream) DO UPDATE SET leader = excluded.leader`)
	conn, err := pgx.ConnectConfig(w.Context(), w.pool.Config().ConnConfig)
	require.NoError(w, err)
	w.Cleanup(func() { require.NoError(w, conn.Close(context.WithoutCancel(w.Context()))) })
	_, err = conn.Exec(w.Context(), `SELECT contrail.lead('EVENTS')`)
	require.NoError(w, err)
}

// well is a relay that leads and says that all is well.
func (w *world) well() {
	w.Helper()
	w.told("here:1", "leading", "1 s")
	w.leads("here:1")
}

// deliveries makes some that stand alike, and are not due.
func (w *world) deliveries(n int, state, reason string) {
	w.Helper()
	w.exec(`ALTER TABLE contrail.deliveries DISABLE TRIGGER USER`)
	for range n {
		w.exec(`WITH about AS (
				INSERT INTO contrail.delivery_events (consumer, id, position, sequence, stream, type) VALUES ('invoice-mail', gen_random_uuid(), 1, 1, 'a-1', 'B') RETURNING id
			) INSERT INTO contrail.deliveries (id, consumer, event, channel, recipient, state, reason, due_at, attempts)
			SELECT gen_random_uuid(), 'invoice-mail', id, 'mail', 'contact-42', '` + state + `', '` + reason + `', NULL, 1 FROM about`)
	}
}

// run is one of a workflow that stands somehow.
func (w *world) ran(key, state, due string) {
	w.Helper()
	w.exec(`INSERT INTO contrail.runs (id, key, workflow, args, definition, state, due_at)
		VALUES (gen_random_uuid(), '` + key + `', 'reminders', '{}', '{a}', '` + state + `', ` + due + `)`)
}

// endpoint is one at example.com that stands somehow.
func (w *world) endpoint(path, standing string) {
	w.Helper()
	w.exec(`INSERT INTO contrail.webhooks (id, consumer, url, secret, timeout, max_attempts)
		VALUES (gen_random_uuid(), 'webhooks', 'https://example.com/`+path+`', 'whsec_x', '10 s', 8)`,
		`UPDATE contrail.webhooks SET `+standing+` WHERE url = 'https://example.com/`+path+`'`)
}
