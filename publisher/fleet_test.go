package publisher_test

import (
	"context"
	"maps"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/publisher/control"
)

// fleet is several relay processes on one stream.
type fleet struct {
	pool    *pgxpool.Pool
	js      jetstream.JetStream
	url     string // of the broker
	wake    time.Duration
	running map[string]*member
	started int
}

// member is one of them.
type member struct {
	*exec.Cmd

	log *processLog
}

// processLog is what a process has logged so far.
type processLog struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *processLog) Write(text []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(text)
}

func (l *processLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// newFleet has no members yet. They poll if poll is not zero.
func newFleet(tb testing.TB, poll time.Duration) *fleet {
	tb.Helper()
	js, server := natstest.JetStream(tb)
	createForgetful(tb, js, 1) // the fence alone keeps the stream exact
	return &fleet{pool: pgtest.New(tb), js: js, url: server.URL(), wake: poll, running: map[string]*member{}}
}

// add starts a relay that freezes at the point, passed so many times; "" for never. It returns its identity. Each of change may change its
// environment.
func (f *fleet) add(tb testing.TB, point string, after int, change ...string) string {
	tb.Helper()
	process := relayProcess(f.pool, f.url, point, after)
	process.Env = append(process.Env, change...)
	return f.launch(tb, process)
}

// addOn starts a relay on another host.
func (f *fleet) addOn(tb testing.TB, h *host) string {
	tb.Helper()
	local := relayProcess(f.pool, f.url, "", 0)
	command := h.inside(local.Args...)
	process := exec.CommandContext(context.Background(), command[0], command[1:]...)
	process.Env = local.Env
	return f.launch(tb, process)
}

func (f *fleet) launch(tb testing.TB, process *exec.Cmd) string {
	tb.Helper()
	f.started++
	identity := "relay:" + strconv.Itoa(f.started)
	settings := processSettings{Identity: identity, Poll: f.wake, Freezes: true, Logs: true}
	one := &member{process, &processLog{}}
	one.Env = append(one.Env, settings.environment(tb))
	one.Stderr = one.log
	startRelay(tb, one.Cmd)
	f.running[identity] = one
	return identity
}

// addStandby starts a relay beside one that leads, and waits until it stands by.
func (f *fleet) addStandby(tb testing.TB) string {
	tb.Helper()
	identity := f.add(tb, "", 0)
	f.await(tb, identity, "standby")
	return identity
}

// states returns what each relay that runs does, by its own account.
func (f *fleet) states() map[string]string {
	found, err := control.List(context.Background(), f.pool, "EVENTS")
	if err != nil {
		return nil
	}
	states := map[string]string{}
	for _, relay := range found {
		states[relay.Identity] = string(relay.State)
	}
	maps.DeleteFunc(states, func(identity, _ string) bool { return f.running[identity] == nil })
	return states
}

func (f *fleet) await(tb testing.TB, identity, state string) {
	tb.Helper()
	require.Eventually(tb, func() bool { return f.states()[identity] == state }, patience, 5*time.Millisecond, "%s: %s", identity, state)
}

// awaitLeader waits until exactly one leads and all others stand by, and returns who leads.
func (f *fleet) awaitLeader(tb testing.TB) (leader string) {
	tb.Helper()
	require.Eventually(tb, func() bool {
		states := f.states()
		count := map[string]int{}
		for identity, state := range states {
			if count[state]++; state == "leading" {
				leader = identity
			}
		}
		return count["leading"] == 1 && count["standby"] == len(f.running)-1 && f.leader() == leader
	}, patience, 5*time.Millisecond, "%v", f.running)
	return leader
}

// leader is who holds the leadership by what the database knows; "" when nobody does.
func (f *fleet) leader() (leader string) {
	_ = f.pool.QueryRow(context.Background(), `SELECT contrail.leader('EVENTS')`).Scan(&leader)
	return leader
}

// awaitSuccessor waits until another leads, and returns how long that took.
func (f *fleet) awaitSuccessor(tb testing.TB, of string) (took time.Duration) {
	tb.Helper()
	began := time.Now()
	require.Eventually(tb, func() bool { leader := f.leader(); return leader != "" && leader != of }, patience, 2*time.Millisecond)
	return time.Since(began)
}

// end sends a signal by which the process ends, and waits for that: before it has ended, another may lead.
func (f *fleet) end(tb testing.TB, identity string, by syscall.Signal) (wait func() error) {
	tb.Helper()
	process := f.running[identity]
	delete(f.running, identity)
	require.NoError(tb, process.Process.Signal(by))
	return process.Wait
}

// relay has some events relayed, and checks the stream.
func (f *fleet) relay(tb testing.TB) {
	tb.Helper()
	insertEvents(tb, f.pool, 50)
	awaitCaughtUp(tb, f.pool, f.js)
	requireExact(tb, f.pool, f.js)
}

// order gives a relay a command, as a person does from elsewhere, and waits until it has done so.
func (f *fleet) order(tb testing.TB, identity string, give func(context.Context, *pgxpool.Pool, control.Relay) (control.Order, error)) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	relay, err := control.Find(ctx, f.pool, "EVENTS", identity)
	require.NoError(tb, err)
	order, err := give(ctx, f.pool, relay)
	require.NoError(tb, err)
	require.NoError(tb, control.Await(ctx, f.pool, order))
}

// awaitFrozen waits until the process has stopped.
func awaitFrozen(tb testing.TB, process *exec.Cmd) {
	tb.Helper()
	var status syscall.WaitStatus
	_, err := syscall.Wait4(process.Process.Pid, &status, syscall.WUNTRACED, nil)
	require.NoError(tb, err)
	require.True(tb, status.Stopped(), "the relay should have frozen: %v", status)
}
