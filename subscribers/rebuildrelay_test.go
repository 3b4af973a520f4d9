package subscribers_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/publisher"
	"github.com/contrail-events/contrail/publisher/parked"
	"github.com/contrail-events/contrail/subscribers"
	"github.com/contrail-events/contrail/subscribers/projections"
)

// relayedWorld is a store with a real relay, which parks what its stream does not take.
type relayedWorld struct {
	*storedWorld

	random *rand.Rand
	events int
}

const limit = 4 << 10 // of a message, while there is one

func newRelayedWorld(tb testing.TB, seed uint64) *relayedWorld {
	tb.Helper()
	js, server := natstest.JetStream(tb)
	w := &relayedWorld{
		storedWorld: &storedWorld{world: &world{js: js, server: server}, pool: pgtest.New(tb)}, random: rand.New(rand.NewPCG(seed, 1)),
	}
	w.exec(tb, modelSQL)
	relay, err := publisher.NewRelay(w.pool, js, publisher.Config{
		Attempts: 2, RetryMin: time.Millisecond, RetryMax: 5 * time.Millisecond, OnPermanent: publisher.PerStream, BatchEvents: 16,
	})
	require.NoError(tb, err)
	run(tb, relay)
	eventually(tb, func() bool { return w.limit(tb.Context(), limit) == nil })
	return w
}

// limit sets the size of a message that the stream takes.
func (w *relayedWorld) limit(ctx context.Context, bytes int32) error {
	stream, err := w.js.Stream(ctx, wire.DefaultStream)
	if err != nil {
		return err
	}
	config := stream.CachedInfo().Config
	config.MaxMsgSize = bytes
	_, err = w.js.UpdateStream(ctx, config)
	return err
}

// append appends some events, of which one in ten is large.
func (w *relayedWorld) append(tb testing.TB, count int) {
	tb.Helper()
	for range count {
		w.events++
		data := `{}`
		if w.random.IntN(10) == 0 {
			data = `{"text": "` + strings.Repeat("x", limit) + `"}`
		}
		w.exec(tb, `INSERT INTO contrail.events (stream, version, type, data) VALUES ($1, $2, 'InvoiceDrafted', $3)`,
			fmt.Sprintf("invoice-%d", w.events%5), w.events/5+1, data)
	}
}

// step does something to the relay or the projection, as persons might.
func (w *relayedWorld) step(tb testing.TB) string {
	tb.Helper()
	all := parked.Matching(parked.Filter{Relay: wire.DefaultStream})
	by := parked.Decision{By: "ada", Note: "of a test"}
	switch w.random.IntN(8) {
	case 0, 1:
		_, err := projections.Rebuild(tb.Context(), w.pool, "test", projections.Order{By: "ada"})
		if err != nil {
			require.ErrorContains(tb, err, "is being rebuilt already")
		}
		return "rebuild"
	case 2:
		require.NoError(tb, w.limit(tb.Context(), -1))
		return "no limit"
	case 3:
		require.NoError(tb, w.limit(tb.Context(), limit))
		return "limit"
	case 4, 5:
		_, err := parked.Requeue(tb.Context(), w.pool, all, by)
		require.NoError(tb, err)
		return "requeue"
	case 6:
		_, err := parked.Discard(tb.Context(), w.pool, all, by)
		require.NoError(tb, err)
		return "discard"
	}
	w.pause(tb)
	w.append(tb, 3)
	w.resume(tb)
	return "pause and resume"
}

// Whatever persons do while events come in, are left out, come late and are built anew: in the end each event is in the read model, once.
func TestRebuildsBesideARelay(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			t.Parallel()
			w := newRelayedWorld(t, seed)
			start := func() (stop func()) {
				return run(t, w.model(t, subscribers.ProjectionConfig{Batch: 3 + w.random.IntN(20)}))
			}
			w.append(t, 1)
			stop := start()
			eventually(t, func() bool { _, err := projections.Get(t.Context(), w.pool, "test"); return err == nil })
			var history []string
			for range 60 {
				w.append(t, w.random.IntN(8))
				history = append(history, w.step(t))
				if w.random.IntN(10) == 0 {
					stop()
					stop = start()
					history = append(history, "restart")
				}
				got := w.positions(t)
				require.Len(t, slices.Compact(slices.Clone(got)), len(got), "twice, after %v", history)
			}
			require.NoError(t, w.limit(t.Context(), -1))
			everything(t, w.pool)
			w.allThere(t, history)
		})
	}
}

// everything has the relay publish all that it has left out.
func everything(tb testing.TB, pool *pgxpool.Pool) {
	tb.Helper()
	eventually(tb, func() bool {
		_, err := parked.Requeue(tb.Context(), pool, parked.Matching(parked.Filter{
			Relay: wire.DefaultStream, States: []parked.State{parked.Parked, parked.Discarded},
		}), parked.Decision{By: "ada"})
		require.NoError(tb, err)
		var behind, open int
		err = pool.QueryRow(tb.Context(), `SELECT (SELECT max(position) FROM contrail.events) - (SELECT position FROM contrail.relays),
			(SELECT count(*) FROM contrail.parked WHERE state <> 'published')`).Scan(&behind, &open)
		return err == nil && behind == 0 && open == 0
	})
}

// allThere waits until each event is there.
func (w *relayedWorld) allThere(tb testing.TB, history []string) {
	tb.Helper()
	horizon, err := eventstore.Horizon(tb.Context(), w.pool)
	require.NoError(tb, err)
	deadline := time.Now().Add(patience)
	for !slices.Equal(upTo(horizon), w.positions(tb)) && time.Now().Before(deadline) {
		runtime.Gosched()
	}
	now, err := projections.Get(tb.Context(), w.pool, "test")
	require.NoError(tb, err)
	require.Equal(tb, upTo(horizon), w.positions(tb), "after %v\n%+v\n%+v", history, now, now.Rebuild)
}
