package publisher_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/publisher"
)

// trap does something at a point of a relay's loop, once each time that it is set.
type trap struct {
	mu     sync.Mutex
	point  string
	after  int
	spring func()
	sprung chan struct{}
}

// set has spring called when the point was passed so many times, and returns a channel that is closed when that is done.
func (r *trap) set(point string, after int, spring func()) (sprung <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.point, r.after, r.spring, r.sprung = point, after, spring, make(chan struct{})
	return r.sprung
}

// pass is told of each point.
func (r *trap) pass(point string) {
	r.mu.Lock()
	spring, sprung := r.spring, r.sprung
	due := point == r.point && spring != nil
	if due {
		r.after--
		due = r.after < 0
	}
	if due {
		r.spring = nil
	}
	r.mu.Unlock()
	if due {
		spring()
		close(sprung)
	}
}

func awaitSprung(tb testing.TB, sprung <-chan struct{}) {
	tb.Helper()
	select {
	case <-sprung:
	case <-time.After(patience):
		require.FailNow(tb, "the relay never came to this point")
	}
}

// inside are faults that a relay outlasts. They happen while it is at a point of its loop, and are over when it goes on.
var inside = map[string]func(testing.TB, *bench){
	"the database ends its sessions": func(tb testing.TB, b *bench) {
		tb.Helper()
		_, err := b.pool.Exec(context.Background(), endSessionsSQL)
		if err != nil {
			tb.Errorf("end the relay's sessions: %v", err)
		}
	},
	"the broker restarts": func(tb testing.TB, b *bench) {
		tb.Helper()
		if err := errors.Join(b.broker.Stop(), b.broker.Restart()); err != nil {
			tb.Errorf("restart the broker: %v", err)
		}
	},
}

const endSessionsSQL = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
	WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name LIKE 'contrail relay%'`

// The database ends the relay's sessions, or the broker restarts, while the relay is at each point of its loop, and events are appended.
func TestRelayOutlastsFaultsAtEachPoint(t *testing.T) {
	t.Parallel()
	for name, fault := range inside {
		for mode, settings := range map[string]processSettings{
			"notified":    {},
			"polling":     {Poll: 5 * time.Millisecond},
			"message ids": {Fence: publisher.MsgID},
		} {
			t.Run(name+"/"+mode, func(t *testing.T) {
				t.Parallel()
				b := newBench(t, settings)
				cfg := settings.config()
				cfg.AckTimeout = time.Second
				var armed trap
				relay := newRelay(t, b.pool, b.js, cfg)
				relay.OnPoint(armed.pass)
				appending := keepAppending(t, b.pool)
				stop := start(t, relay)
				for _, point := range points {
					for _, after := range []int{0, 3} {
						awaitSprung(t, armed.set(point, after, func() { fault(t, b) }))
					}
				}
				appending()
				awaitCaughtUp(t, b.pool, b.js)
				require.NoError(t, stop())
				b.requireComplete(t, settings.Fence == publisher.MsgID)
			})
		}
	}
}

// The relay is told to end at each point: it settles what is on its way, so that the cursor is where the stream is, and its successor goes on there.
func TestRelayEndsAtEachPoint(t *testing.T) {
	t.Parallel()
	for name, settings := range map[string]processSettings{
		"notified":    {},
		"polling":     {Poll: 5 * time.Millisecond},
		"binary":      {Format: publisher.Binary},
		"message ids": {Fence: publisher.MsgID},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, settings)
			appending := keepAppending(t, b.pool)
			for _, point := range points {
				for _, after := range []int{0, 3} {
					ctx, cancel := context.WithTimeout(t.Context(), patience)
					var armed trap
					armed.set(point, after, cancel)
					relay := newRelay(t, b.pool, b.js, settings.config())
					relay.OnPoint(armed.pass)
					require.NoError(t, relay.Run(ctx))
					require.ErrorIs(t, ctx.Err(), context.Canceled, "it should have come to this point")
					var sequence uint64
					require.NoError(t, b.pool.QueryRow(t.Context(), `SELECT sequence FROM contrail.relays`).Scan(&sequence))
					last, err := lastSequence(b.js)
					require.NoError(t, err)
					require.Equal(t, last, sequence, point)
				}
			}
			appending()
			b.requireComplete(t, false)
		})
	}
}

// A relay that nothing disturbs never begins again, however slow its database is and however quick its broker: what is acknowledged while the
// cursor is saved is not mistaken for lost.
func TestUndisturbedRelayNeverBeginsAgain(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	insertEvents(t, pool, 2000)
	var log warnings
	cfg := impatient()
	cfg.InFlight, cfg.Logger = 8, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))
	relay := newRelay(t, pool, js, cfg)
	relay.OnPoint(func(point string) {
		if point == "before cursor" {
			pause(t.Context(), 10*time.Millisecond)
		}
	})
	stop := start(t, relay)
	awaitCaughtUp(t, pool, js)
	require.NoError(t, stop())
	require.Zero(t, log.lines.Load(), "the first: %v", log.first.Load())
	requireExact(t, pool, js)
}
