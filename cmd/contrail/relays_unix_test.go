//go:build unix

package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/publisher/control"
)

const patience = 30 * time.Second

// relaying is a place where relays run as processes of their own.
type relaying struct {
	tb   testing.TB
	pool *pgxpool.Pool
	env  []string
}

func newRelaying(tb testing.TB) *relaying {
	tb.Helper()
	pool := pgtest.New(tb)
	return &relaying{tb, pool, append(os.Environ(), "DATABASE_URL="+pool.Config().ConnString(), "NATS_URL="+natstest.Start(tb).URL())}
}

// relayProcess is one of them.
type relayProcess struct {
	*exec.Cmd

	tb  testing.TB
	log *syncedBuffer
}

// start starts a relay and waits until it is in one of the states.
func (r *relaying) start(identity string, states ...control.State) *relayProcess {
	r.tb.Helper()
	process := &relayProcess{exec.CommandContext(context.WithoutCancel(r.tb.Context()), "contrail", "relay", "--identity", identity), r.tb, &syncedBuffer{}}
	process.Env, process.Stderr = r.env, process.log
	require.NoError(r.tb, process.Start())
	r.tb.Cleanup(func() { _ = process.Process.Kill(); _ = process.Wait() })
	r.await(identity, states...)
	return process
}

func (r *relaying) state(identity string) control.State {
	relay, err := control.Find(r.tb.Context(), r.pool, "", identity)
	if err != nil {
		return ""
	}
	return relay.State
}

// awaitBeats waits for three heartbeats in one state: the first two may still be overwritten by one that was on its way before.
func (r *relaying) awaitBeats(identity string, state control.State) {
	r.tb.Helper()
	beats := map[time.Time]bool{}
	require.Eventually(r.tb, func() bool {
		relay, err := control.Find(r.tb.Context(), r.pool, "", identity)
		if err == nil && relay.State == state {
			beats[relay.BeatAt] = true
		} else {
			clear(beats)
		}
		return len(beats) > 2
	}, patience, 50*time.Millisecond)
}

func (r *relaying) await(identity string, states ...control.State) {
	r.tb.Helper()
	require.Eventually(r.tb, func() bool {
		for _, state := range states {
			if r.state(identity) == state {
				return true
			}
		}
		return false
	}, patience, 10*time.Millisecond, "%s is %s", identity, r.state(identity))
}

// publish appends events and waits until they are relayed.
func (r *relaying) publish(n int) {
	r.tb.Helper()
	var last int64
	require.NoError(r.tb, r.pool.QueryRow(r.tb.Context(), `WITH appended AS (
			INSERT INTO contrail.events (stream, version, type, data)
			SELECT 'test-' || gen_random_uuid(), 1, 'Counted', '{}' FROM generate_series(1, $1::int) RETURNING position
		) SELECT max(position) FROM appended`, n).Scan(&last))
	require.Eventually(r.tb, func() bool {
		var position int64
		err := r.pool.QueryRow(r.tb.Context(), `SELECT position FROM contrail.relays WHERE stream = 'EVENTS'`).Scan(&position)
		return err == nil && position == last
	}, patience, 10*time.Millisecond)
}

// contrail runs a verb.
func (r *relaying) contrail(args ...string) (output string, code int) {
	r.tb.Helper()
	verb := exec.CommandContext(r.tb.Context(), "contrail", args...)
	verb.Env = r.env
	text, err := verb.CombinedOutput()
	if err != nil {
		require.NotNil(r.tb, verb.ProcessState, "%v", err)
	}
	return string(text), verb.ProcessState.ExitCode()
}

// ended waits until the process has ended well.
func (p *relayProcess) ended() {
	p.tb.Helper()
	overdue := time.AfterFunc(patience, func() { _ = p.Process.Signal(syscall.SIGQUIT) }) // and its log tells where it hung
	defer overdue.Stop()
	require.NoError(p.tb, p.Wait(), "%s", p.log)
}

func (p *relayProcess) signal(s os.Signal) {
	p.tb.Helper()
	require.NoError(p.tb, p.Process.Signal(s))
}

// syncedBuffer is a log that is read while it is written.
type syncedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

// Write appends.
func (b *syncedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

// String is what was written so far.
func (b *syncedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}

// A relay that is paused by a signal gives its leadership up, and stands by when it is resumed. The process lives on meanwhile.
func TestTSTPPausesAndCONTResumes(t *testing.T) {
	t.Parallel()
	r := newRelaying(t)
	first := r.start("first", control.Leading)
	r.publish(10)
	r.start("second", control.Standby)
	first.signal(syscall.SIGTSTP)
	r.await("first", control.Paused)
	r.await("second", control.Leading)
	r.publish(10)
	first.signal(syscall.SIGCONT)
	r.await("first", control.Standby)
	first.signal(syscall.SIGTERM)
	first.ended()
	require.Contains(t, first.log.String(), "msg=paused")
	output, code := r.contrail("verify")
	require.Equal(t, exitOK, code, output)
}

// A paused relay heeds the signal that ends it.
func TestTERMEndsAPausedRelay(t *testing.T) {
	t.Parallel()
	r := newRelaying(t)
	relay := r.start("it", control.Leading)
	relay.signal(syscall.SIGTSTP)
	r.await("it", control.Paused)
	relay.signal(syscall.SIGTERM)
	relay.ended()
	require.Empty(t, r.state("it"))
}

// The stacks of the goroutines go to the log and to the row, and the relay relays on.
func TestTTINDumps(t *testing.T) {
	t.Parallel()
	r := newRelaying(t)
	relay := r.start("it", control.Leading)
	relay.signal(syscall.SIGTTIN)
	require.Eventually(t, func() bool { return strings.Contains(relay.log.String(), "goroutines dumped") }, patience, 10*time.Millisecond)
	require.Eventually(t, func() bool {
		output, code := r.contrail("relays", "dump", "--last", "it")
		return code == exitOK && strings.HasPrefix(output, "goroutine ") && strings.Contains(output, "heedControls")
	}, patience, 10*time.Millisecond)
	r.publish(10)
}

// Whoever deletes a relay's row stops the relay, which ends well.
func TestDeletingTheRowStopsTheRelay(t *testing.T) {
	t.Parallel()
	r := newRelaying(t)
	leader := r.start("leader", control.Leading)
	standby := r.start("standby", control.Standby)
	for _, relay := range []*relayProcess{standby, leader} {
		id, err := control.Find(t.Context(), r.pool, "", relay.Args[3])
		require.NoError(t, err)
		require.NoError(t, control.Remove(t.Context(), r.pool, id.ID))
		relay.ended()
		require.Empty(t, r.state(relay.Args[3]))
	}
}

// What a relay tells of itself is there to see.
func TestRelayTellsHowItFares(t *testing.T) {
	t.Parallel()
	r := newRelaying(t)
	r.start("it", control.Leading)
	r.publish(100)
	require.Eventually(t, func() bool {
		relay, err := control.Find(t.Context(), r.pool, "", "it")
		require.NoError(t, err)
		return relay.Leads && relay.Published == 100 && relay.Latency > 0 && relay.LagEvents == 0 && relay.LagSeconds == 0 && relay.RSS > 1<<20 &&
			relay.DatabaseRTT > 0 && relay.BrokerRTT > 0 && relay.PID > 0 && strings.Contains(string(relay.Settings), `"ack_timeout": "5s"`)
	}, patience, 50*time.Millisecond)
}

// All relays of a stream are stopped at once, whatever they do.
func TestRelaysStopAll(t *testing.T) {
	t.Parallel()
	r := newRelaying(t)
	relays := []*relayProcess{r.start("leader", control.Leading), r.start("standby", control.Standby), r.start("paused", control.Standby)}
	relays[2].signal(syscall.SIGTSTP)
	r.await("paused", control.Paused)
	output, code := r.contrail("relays", "stop", "--all")
	require.Equal(t, exitOK, code, output)
	require.Equal(t, "relay leader is stopped\nrelay standby is stopped\nrelay paused is stopped\n", output)
	for _, relay := range relays {
		relay.ended()
	}
}

// A relay that hangs is not paused, and whoever asked for it learns so; it heeds the command when it goes on.
func TestPauseIsNotInTime(t *testing.T) {
	t.Parallel()
	r := newRelaying(t)
	relay := r.start("it", control.Leading)
	r.awaitBeats("it", control.Leading)
	relay.signal(syscall.SIGSTOP)
	output, code := r.contrail("relays", "pause", "it", "--timeout", "1s")
	require.Equal(t, exitNot, code)
	require.Regexp(t, `^contrail relays pause: relay it is not paused yet: it is leading.*; give a longer --timeout to wait for that\n$`, output)
	relay.signal(syscall.SIGCONT) // which is an order itself, and may be the later one
	output, code = r.contrail("relays", "pause", "it")
	require.Equal(t, exitOK, code, output)
	r.await("it", control.Paused)
}
