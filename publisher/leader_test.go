package publisher_test

import (
	"context"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/publisher"
	"github.com/contrail-events/contrail/publisher/control"
)

// wakes are the two ways to learn of new events, and with them the two kinds of leadership.
var wakes = map[string]time.Duration{"notify": 0, "poll": 20 * time.Millisecond}

// Of five relays exactly one leads. When its process dies, or is told to end, another leads within a second. The machine may be busy with
// other tests, so that the best of a few rounds counts.
func TestStandbyLeadsWithinASecond(t *testing.T) {
	t.Parallel()
	for name, by := range map[string]syscall.Signal{"killed": syscall.SIGKILL, "told to end": syscall.SIGTERM} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t, 0)
			for range 5 {
				f.add(t, "", 0)
			}
			requireSuccession(t, f, by)
		})
	}
}

// A standby that polls looks for the leadership more than once a second: one alone is as quick.
func TestPollingStandbyLeadsWithinASecond(t *testing.T) {
	t.Parallel()
	for name, by := range map[string]syscall.Signal{"killed": syscall.SIGKILL, "told to end": syscall.SIGTERM} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t, 20*time.Millisecond)
			for range 2 {
				f.add(t, "", 0)
			}
			requireSuccession(t, f, by)
		})
	}
}

// requireSuccession ends leaders until one was followed by another within a second.
func requireSuccession(t *testing.T, f *fleet, by syscall.Signal) {
	t.Helper()
	best := patience
	for round := 0; round < 5 && (round < 2 || best >= time.Second); round++ {
		leader := f.awaitLeader(t)
		f.relay(t)
		wait := f.end(t, leader, by)
		took := f.awaitSuccessor(t, leader)
		best = min(best, took)
		t.Logf("%s, then %s after %s", leader, f.leader(), took)
		if err := wait(); by == syscall.SIGTERM {
			require.NoError(t, err)
		}
		f.relay(t)
		f.add(t, "", 0) // there are as many as before
	}
	require.Less(t, best, time.Second)
	f.awaitLeader(t)
	requireExact(t, f.pool, f.js)
}

// A leader that is stopped by a command ends, and another leads at once.
func TestStoppedLeaderGivesUpItsLeadership(t *testing.T) {
	t.Parallel()
	for name, wake := range wakes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t, wake)
			f.add(t, "", 0)
			leader := f.awaitLeader(t)
			standby := f.addStandby(t)
			f.relay(t)
			process := f.running[leader]
			f.order(t, leader, func(ctx context.Context, pool *pgxpool.Pool, relay control.Relay) (control.Order, error) {
				return control.Stop(ctx, pool, relay.ID, "test")
			})
			require.NoError(t, process.Wait(), "it ends as upon SIGTERM")
			delete(f.running, leader)
			require.Equal(t, standby, f.awaitLeader(t))
			f.relay(t)
		})
	}
}

// A leader that is paused gives way to a standby while events flow. Resumed, it stands by, and leads again when it is its turn.
func TestPausedLeaderGivesWayAndComesBackAsAStandby(t *testing.T) {
	t.Parallel()
	for name, wake := range wakes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t, wake)
			f.add(t, "", 0)
			first := f.awaitLeader(t)
			second := f.addStandby(t)
			stop := keepAppending(t, f.pool)
			f.order(t, first, func(ctx context.Context, pool *pgxpool.Pool, relay control.Relay) (control.Order, error) {
				return control.Pause(ctx, pool, relay.ID, "test")
			})
			f.awaitSuccessor(t, first)
			require.Equal(t, second, f.leader())
			require.Equal(t, "paused", f.states()[first])

			f.order(t, first, func(ctx context.Context, pool *pgxpool.Pool, relay control.Relay) (control.Order, error) {
				return control.Resume(ctx, pool, relay.ID, "test")
			})
			f.await(t, first, "standby")
			require.Equal(t, second, f.leader())
			require.NoError(t, f.end(t, second, syscall.SIGTERM)())
			require.Equal(t, first, f.awaitLeader(t))
			stop()
			f.relay(t)
		})
	}
}

// The same within a process, by the relay's own methods, while it leads and before it runs.
func TestPauseAndResume(t *testing.T) {
	t.Parallel()
	for name, wake := range wakes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := pgtest.New(t)
			js, _ := natstest.JetStream(t)
			var relays []*publisher.Relay
			for _, identity := range []string{"first:1", "second:2"} {
				settings := processSettings{Identity: identity, Poll: wake}
				relays = append(relays, newRelay(t, pool, js, settings.config()))
			}
			leads := func(identity string) {
				t.Helper()
				insertEvents(t, pool, 50)
				awaitCaughtUp(t, pool, js)
				require.Eventually(t, func() bool { return leaderOf(t, pool) == identity }, patience, 5*time.Millisecond)
				requireExact(t, pool, js)
			}
			relays[1].Pause()
			stopFirst, stopSecond := start(t, relays[0]), start(t, relays[1])
			leads("first:1")
			relays[0].Pause()
			require.Eventually(t, func() bool { return leaderOf(t, pool) == "" }, patience, 5*time.Millisecond, "nobody is left to lead")
			relays[1].Resume()
			leads("second:2")
			relays[0].Resume()
			leads("second:2")
			relays[1].Pause()
			leads("first:1")
			require.NoError(t, stopSecond(), "a relay that is paused can be stopped")
			leads("first:1")
			require.NoError(t, stopFirst())
			require.Empty(t, leaderOf(t, pool))
		})
	}
}
