package publisher_test

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/publisher"
	"github.com/contrail-events/contrail/publisher/parked"
)

// narrow is a broker that takes messages of 64 KiB at most, until widen is called.
func narrow(tb testing.TB) (js jetstream.JetStream, url string, widen func()) {
	tb.Helper()
	js, running := natstest.JetStream(tb)
	_, err := js.CreateStream(tb.Context(), withMaxMsgSize(64<<10))
	require.NoError(tb, err)
	return js, running.URL(), func() {
		_, err := js.UpdateStream(context.Background(), withMaxMsgSize(-1))
		require.NoError(tb, err)
	}
}

func withMaxMsgSize(size int32) jetstream.StreamConfig {
	cfg := publisher.StreamConfig(publisher.Config{})
	cfg.MaxMsgSize = size
	return cfg
}

// insertBig appends one event of 100 kB.
func insertBig(tb testing.TB, pool *pgxpool.Pool, stream string) {
	tb.Helper()
	_, err := pool.Exec(tb.Context(), `INSERT INTO contrail.events (stream, version, type, data)
		VALUES ($1, (SELECT coalesce(max(version), 0) + 1 FROM contrail.events WHERE stream = $1), 'Big', to_jsonb(repeat('x', 100000)))`, stream)
	require.NoError(tb, err)
}

func insertSmall(tb testing.TB, pool *pgxpool.Pool, stream string) {
	tb.Helper()
	_, err := pool.Exec(tb.Context(), `INSERT INTO contrail.events (stream, version, type, data)
		VALUES ($1, (SELECT coalesce(max(version), 0) + 1 FROM contrail.events WHERE stream = $1), 'Small', '{}')`, stream)
	require.NoError(tb, err)
}

// states returns position:state of every row of contrail.parked.
func states(tb testing.TB, pool *pgxpool.Pool) []string {
	tb.Helper()
	rows, err := pool.Query(context.Background(), `SELECT position || ':' || state FROM contrail.parked ORDER BY position`)
	require.NoError(tb, err)
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(tb, err)
	return found
}

func awaitStates(tb testing.TB, pool *pgxpool.Pool, want ...string) {
	tb.Helper()
	require.Eventually(tb, func() bool { return slices.Equal(states(tb, pool), want) }, patience, 5*time.Millisecond, "%v", want)
}

// positionsOf returns what the stream holds, in its order.
func positionsIn(tb testing.TB, js jetstream.JetStream) []string {
	tb.Helper()
	var positions []string
	for _, one := range readStream(tb, js) {
		n, err := strconv.Atoi(one.Sequence)
		require.NoError(tb, err)
		positions = append(positions, strconv.Itoa(n))
	}
	return positions
}

func requeue(tb testing.TB, pool *pgxpool.Pool, positions ...contrail.Position) {
	tb.Helper()
	outcomes, err := parked.Requeue(context.Background(), pool, parked.At("EVENTS", positions...), parked.Decision{By: "test", Note: "again"})
	require.NoError(tb, err)
	for _, one := range outcomes {
		require.True(tb, one.Changed, "%+v", one)
	}
}

// An event that the broker refuses is tried so many times, and is parked then: later events go on. The reason and the broker's own words
// stay apart, also after a person has requeued it and it is published.
func TestRelayParksARefusedEventAndGoesOn(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _, widen := narrow(t)
	insertEvents(t, pool, 30)
	insertBig(t, pool, "big-1")
	insertEvents(t, pool, 30)
	cfg := impatient()
	var left []publisher.Left
	var told sync.Mutex
	cfg.Hooks.OnParked = func(_ context.Context, one publisher.Left) {
		told.Lock()
		defer told.Unlock()
		left = append(left, one)
	}
	stop := start(t, newRelay(t, pool, js, cfg))
	awaitCaughtUp(t, pool, js)
	awaitStates(t, pool, "31:parked")
	require.Len(t, readStream(t, js), 60)
	report := verify(t, pool, js)
	require.Empty(t, report.Missing)
	require.EqualValues(t, 1, report.Parked)
	require.False(t, report.OK)
	told.Lock()
	require.Len(t, left, 1)
	require.EqualValues(t, 31, left[0].Event.Position)
	require.Equal(t, 8, left[0].Attempts)
	told.Unlock()

	widen()
	requeue(t, pool, 31)
	awaitStates(t, pool, "31:published")
	require.NoError(t, stop())
	require.Equal(t, "31", positionsIn(t, js)[60])
	require.True(t, verify(t, pool, js).OK)
	event, err := parked.Get(t.Context(), pool, "EVENTS", 31)
	require.NoError(t, err)
	require.Equal(t, parked.ReasonMessageTooLarge, event.Reason)
	require.Contains(t, event.Error, "message size exceeds maximum allowed")
	require.Equal(t, 9, event.Attempts)
}

// Nothing but a person takes up what is parked: not a new relay, not a drain, not a wider limit.
func TestRelayNeverResurrectsAParkedEvent(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _, widen := narrow(t)
	insertBig(t, pool, "big-1")
	insertEvents(t, pool, 5)
	stop := start(t, newRelay(t, pool, js, impatient()))
	awaitStates(t, pool, "1:parked")
	awaitCaughtUp(t, pool, js)
	require.NoError(t, stop())
	widen()
	_, err := pool.Exec(t.Context(), `DELETE FROM contrail.relays`) // the cursor is lost: it reads everything back
	require.NoError(t, err)
	drained, err := newRelay(t, pool, js, impatient()).Drain(t.Context(), nil)
	require.NoError(t, err)
	require.False(t, drained.OK)
	require.EqualValues(t, 1, drained.Parked)
	require.Zero(t, drained.Left)
	require.Equal(t, []string{"1:parked"}, states(t, pool))
	require.Len(t, readStream(t, js), 5)
}

// A requeued event that is refused again is parked again.
func TestRequeuedEventIsParkedAgain(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _, _ := narrow(t)
	insertBig(t, pool, "big-1")
	insertEvents(t, pool, 5)
	cfg := impatient()
	cfg.Attempts = 2
	stop := start(t, newRelay(t, pool, js, cfg))
	awaitStates(t, pool, "1:parked")
	requeue(t, pool, 1)
	require.Eventually(t, func() bool {
		event, err := parked.Get(t.Context(), pool, "EVENTS", 1)
		return err == nil && event.State == parked.Parked && event.Attempts == 4
	}, patience, 5*time.Millisecond)
	awaitCaughtUp(t, pool, js)
	require.NoError(t, stop())
	require.Len(t, readStream(t, js), 5)
}

// PerStream: the later events of the parked one's stream are held, those of others go on; all that were held follow when a person decides, in
// their order, and what is appended meanwhile behind them.
func TestPerStreamHoldsTheStreamOfAParkedEvent(t *testing.T) {
	t.Parallel()
	for name, decide := range map[string]func(*testing.T, *pgxpool.Pool){
		"requeued": func(t *testing.T, pool *pgxpool.Pool) { t.Helper(); requeue(t, pool, 2) },
		"discarded": func(t *testing.T, pool *pgxpool.Pool) {
			t.Helper()
			_, err := parked.Discard(t.Context(), pool, parked.At("EVENTS", 2), parked.Decision{By: "test", Note: "too large"})
			require.NoError(t, err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := pgtest.New(t)
			js, _, widen := narrow(t)
			cfg := impatient()
			cfg.OnPermanent, cfg.Attempts = publisher.PerStream, 3
			insertSmall(t, pool, "held-1")  // 1
			insertBig(t, pool, "held-1")    // 2
			insertSmall(t, pool, "other-1") // 3
			insertSmall(t, pool, "held-1")  // 4
			insertSmall(t, pool, "other-1") // 5
			stop := start(t, newRelay(t, pool, js, cfg))
			awaitStates(t, pool, "2:parked", "4:held")
			awaitCaughtUp(t, pool, js)
			require.NoError(t, stop()) // a relay that starts knows what is held

			stop = start(t, newRelay(t, pool, js, cfg))
			insertSmall(t, pool, "held-1")  // 6
			insertSmall(t, pool, "other-1") // 7
			awaitStates(t, pool, "2:parked", "4:held", "6:held")
			awaitCaughtUp(t, pool, js)
			require.Equal(t, []string{"1", "3", "5", "7"}, positionsIn(t, js))

			widen()
			decide(t, pool)
			awaitStates(t, pool, "2:"+map[string]string{"requeued": "published", "discarded": "discarded"}[name], "4:published", "6:published")
			insertSmall(t, pool, "held-1") // 8: no longer held
			awaitCaughtUp(t, pool, js)
			require.NoError(t, stop())
			want := []string{"1", "3", "5", "7", "2", "4", "6", "8"}
			if name == "discarded" {
				want = slices.Delete(want, 4, 5)
			}
			require.Equal(t, want, positionsIn(t, js))
			require.True(t, verify(t, pool, js).OK)
		})
	}
}

// A middleware that refuses a whole batch for one event's sake does not say which: the batch is halved until it is alone.
func TestBisectionFindsTheEventThatAMiddlewareRefuses(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	insertEvents(t, pool, 100)
	cfg := impatient()
	cfg.BatchEvents, cfg.Attempts = 50, 3
	cfg.Middlewares = []message.HandlerMiddleware{func(next message.HandlerFunc) message.HandlerFunc {
		return func(msg *message.Message) ([]*message.Message, error) {
			for _, event := range publisher.Events(msg) {
				if event.Position == 23 || event.Position == 77 {
					return nil, contrail.Permanent(errors.New("not this one"))
				}
			}
			return next(msg)
		}
	}}
	stop := start(t, newRelay(t, pool, js, cfg))
	awaitStates(t, pool, "23:parked", "77:parked")
	awaitCaughtUp(t, pool, js)
	require.NoError(t, stop())
	require.Len(t, readStream(t, js), 98)
	event, err := parked.Get(t.Context(), pool, "EVENTS", 23)
	require.NoError(t, err)
	require.Equal(t, parked.ReasonRefused, event.Reason)
	require.Equal(t, "not this one", event.Error)
	require.Equal(t, 3, event.Attempts)
}

// An outage is nobody's fault: with one attempt allowed, nothing is parked, however often the broker goes.
func TestAnOutageNeverCountsAgainstAnEvent(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, broker := natstest.JetStream(t)
	cfg := impatient()
	cfg.Attempts, cfg.AckTimeout = 1, 200*time.Millisecond
	stopAppending := keepAppending(t, pool)
	stop := start(t, newRelay(t, pool, js, cfg))
	for range 3 {
		pause(t.Context(), 200*time.Millisecond)
		require.NoError(t, broker.Stop())
		pause(t.Context(), 500*time.Millisecond)
		require.NoError(t, broker.Restart())
	}
	stopAppending()
	awaitCaughtUp(t, pool, js)
	require.NoError(t, stop())
	require.Empty(t, states(t, pool))
	requireExact(t, pool, js)
}

// An event over the server's max_payload never leaves the client.
func TestRelayParksAnEventOverMaxPayload(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	running := natstest.Start(t, func(options *server.Options) { options.MaxPayload = 64 << 10 })
	js, err := jetstream.New(natstest.Connect(t, running.URL()))
	require.NoError(t, err)
	insertEvents(t, pool, 3)
	insertBig(t, pool, "big-1")
	insertEvents(t, pool, 3)
	stop := start(t, newRelay(t, pool, js, impatient()))
	awaitStates(t, pool, "4:parked")
	awaitCaughtUp(t, pool, js)
	require.NoError(t, stop())
	require.Equal(t, []string{"1", "2", "3", "5", "6", "7"}, positionsIn(t, js))
}

// An event without the tenant that the subjects need is parked, and says why.
func TestRelayParksAnEventThatMakesNoSubject(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	_, err := pool.Exec(t.Context(), `INSERT INTO contrail.events (stream, version, type, data, metadata) VALUES
		('a-1', 1, 'Done', '{}', '{"tenant_id":"acme"}'), ('a-1', 2, 'Done', '{}', '{}'), ('a-1', 3, 'Done', '{}', '{"tenant_id":"no good"}'),
		('a-1', 4, 'Done', '{}', '{"tenant_id":"acme"}')`)
	require.NoError(t, err)
	cfg := impatient()
	cfg.Subject, cfg.Attempts = "{tenant_id}.{category}.{id}.{type}", 2
	stop := start(t, newRelay(t, pool, js, cfg))
	awaitStates(t, pool, "2:parked", "3:parked")
	awaitCaughtUp(t, pool, js)
	require.NoError(t, stop())
	require.Equal(t, []string{"1", "4"}, positionsIn(t, js))
	stream, err := js.Stream(t.Context(), "EVENTS")
	require.NoError(t, err)
	first, err := stream.GetMsg(t.Context(), 1)
	require.NoError(t, err)
	require.Equal(t, "events.acme.a.1.Done", first.Subject)
	event, err := parked.Get(t.Context(), pool, "EVENTS", 2)
	require.NoError(t, err)
	require.Equal(t, parked.ReasonInvalidSubject, event.Reason)
}

// The relay dies at every point of its loop while it parks, requeues and publishes out of order.
func TestRelayKilledWhileItParksAndRequeues(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, url, widen := narrow(t)
	points := []string{"before fetch", "after fetch", "in mid-batch", "after publish", "before cursor", "after cursor"}
	for _, point := range points {
		insertEvents(t, pool, 30)
		insertBig(t, pool, "big-1")
		insertEvents(t, pool, 30)
		awaitKilled(t, startProcess(t, pool, url, point, 1))
	}
	stop := start(t, newRelay(t, pool, js, impatient()))
	awaitCaughtUp(t, pool, js)
	require.NoError(t, stop())
	require.Len(t, states(t, pool), len(points))
	widen()
	for i, point := range points {
		requeue(t, pool, contrail.Position(31+61*i))
		insertEvents(t, pool, 10)
		process := startProcess(t, pool, url, point, 0)
		awaitKilled(t, process)
	}
	drained, err := newRelay(t, pool, js, impatient()).Drain(t.Context(), nil)
	require.NoError(t, err)
	require.True(t, drained.OK, "%+v", drained)
	require.True(t, verify(t, pool, js).OK)
	require.Len(t, readStream(t, js), 6*61+60)
}

func discard(tb testing.TB, pool *pgxpool.Pool, positions ...contrail.Position) {
	tb.Helper()
	_, err := parked.Discard(context.Background(), pool, parked.At("EVENTS", positions...), parked.Decision{By: "test", Note: "too large"})
	require.NoError(tb, err)
}
