package publisher_test

import (
	"context"
	"log/slog"
	"maps"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/localstack"
	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/publisher"
	"github.com/contrail-events/contrail/publisher/parked"
)

// insertLarge appends an event that makes a message of more than 100,000 bytes.
func insertLarge(tb testing.TB, pool *pgxpool.Pool, version int) {
	tb.Helper()
	_, err := pool.Exec(tb.Context(), `INSERT INTO contrail.events (stream, version, type, data) VALUES ('large-1', $1, 'Large', to_jsonb(repeat('x', 100000)))`, version)
	require.NoError(tb, err)
}

// tooLarge are the limits that a message may be over.
func tooLarge() map[string]struct {
	options func(*server.Options)
	stream  func(*jetstream.StreamConfig)
	says    string
} {
	return map[string]struct {
		options func(*server.Options)
		stream  func(*jetstream.StreamConfig)
		says    string
	}{
		"of the server": {
			func(options *server.Options) { options.MaxPayload = 64 << 10 }, func(*jetstream.StreamConfig) {}, "maximum payload exceeded",
		},
		"of the stream": {
			func(*server.Options) {}, func(cfg *jetstream.StreamConfig) { cfg.MaxMsgSize = 64 << 10 }, "message size exceeds maximum allowed",
		},
	}
}

// A message over the limit is parked after so many attempts, and every other event is in its place. Once the limit is raised and a person has asked for
// it, it follows.
func TestRelayParksAMessageOverALimit(t *testing.T) {
	t.Parallel()
	for name, limit := range tooLarge() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := pgtest.New(t)
			raised := false
			broker := natstest.Start(t, func(options *server.Options) {
				if !raised {
					limit.options(options)
				}
			})
			js, err := jetstream.New(natstest.Connect(t, broker.URL()))
			require.NoError(t, err)
			createStream(t, js, limit.stream)
			insertEvents(t, pool, 10)
			insertLarge(t, pool, 1)
			insertEvents(t, pool, 10)
			relay := newRelay(t, pool, js, impatient())
			stop := start(t, relay)
			awaitParked(t, pool, map[parked.State]int64{parked.Parked: 1})
			insertEvents(t, pool, 10)
			awaitLast(t, pool, js)
			one, err := parked.Get(t.Context(), pool, "EVENTS", 11)
			require.NoError(t, err)
			require.Equal(t, parked.ReasonMessageTooLarge, one.Reason)
			require.Contains(t, one.Error, limit.says)
			require.Equal(t, 8, one.Attempts)
			require.Len(t, readStream(t, js), 30)
			report := verify(t, pool, js)
			require.False(t, report.OK)
			require.EqualValues(t, 30, report.Published)
			require.Zero(t, report.MissingTotal+report.DuplicatesTotal+report.OutOfOrder+report.Foreign)

			raised = true
			restart(t, broker, js)
			edit(t, js, func(cfg *jetstream.StreamConfig) { cfg.MaxMsgSize = -1 })
			_, err = parked.Requeue(t.Context(), pool, parked.At("EVENTS", one.Position), parked.Decision{By: "ada"})
			require.NoError(t, err)
			awaitParked(t, pool, map[parked.State]int64{parked.Published: 1})
			require.NoError(t, stop())
			require.Len(t, readStream(t, js), 31)
			report = verify(t, pool, js)
			require.True(t, report.OK, "%+v", report)
			require.EqualValues(t, 31, report.Published)
		})
	}
}

// restart returns when the server answers again.
func restart(tb testing.TB, broker *localstack.NATS, js jetstream.JetStream) {
	tb.Helper()
	require.NoError(tb, broker.Restart())
	require.Eventually(tb, func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_, err := js.Stream(ctx, "EVENTS")
		return err == nil
	}, patience, 10*time.Millisecond)
}

func awaitParked(tb testing.TB, pool *pgxpool.Pool, want map[parked.State]int64) {
	tb.Helper()
	require.Eventually(tb, func() bool {
		counts, err := parked.Count(tb.Context(), pool, "EVENTS")
		maps.DeleteFunc(counts, func(_ parked.State, n int64) bool { return n == 0 })
		return err == nil && maps.Equal(counts, want)
	}, patience, 10*time.Millisecond)
}

// awaitLast waits until the stream ends with the store's newest event.
func awaitLast(tb testing.TB, pool *pgxpool.Pool, js jetstream.JetStream) {
	tb.Helper()
	require.Eventually(tb, func() bool {
		status, err := publisher.ReadStatus(context.Background(), pool, js, "EVENTS")
		return err == nil && status.PublishedPosition == status.Position
	}, patience, 10*time.Millisecond)
}

// With OnPermanent: Halt the relay stops in front of it, as often as it is started, and goes on once the limit is raised.
func TestRelayHaltsAtAMessageOverALimit(t *testing.T) {
	t.Parallel()
	for name, limit := range tooLarge() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := pgtest.New(t)
			raised := false
			broker := natstest.Start(t, func(options *server.Options) {
				if !raised {
					limit.options(options)
				}
			})
			js, err := jetstream.New(natstest.Connect(t, broker.URL()))
			require.NoError(t, err)
			createStream(t, js, limit.stream)
			insertEvents(t, pool, 10)
			insertLarge(t, pool, 1)
			insertEvents(t, pool, 10)
			cfg := impatient()
			cfg.OnPermanent = publisher.Halt
			for range 2 {
				err = awaitEnd(t, running(t, newRelay(t, pool, js, cfg)))
				var refused *publisher.RefusedError
				require.ErrorAs(t, err, &refused)
				require.EqualValues(t, 11, refused.Position)
				require.ErrorContains(t, err, "event at position 11 (large-1, version 1, a message of ")
				require.ErrorContains(t, err, limit.says)
				require.ErrorContains(t, err, "; raise the limit that it names")
				require.Len(t, readStream(t, js), 10)
			}

			raised = true
			restart(t, broker, js)
			edit(t, js, func(cfg *jetstream.StreamConfig) { cfg.MaxMsgSize = -1 })
			finish(t, pool, js)
		})
	}
}

// A broker that has no room left takes no event: that is no event's fault, none is parked, and all follow once there is room.
func TestRelayWaitsForRoomOnTheServer(t *testing.T) {
	t.Parallel()
	waitsForRoom(t, `jetstream { max_file_store: 20K }`)
}

// waitsForRoom runs a relay on a server with a limit of 20K, and raises the limit.
func waitsForRoom(t *testing.T, config string) {
	t.Helper()
	pool := pgtest.New(t)
	broker := natstest.Start(t, func(options *server.Options) { require.NoError(t, options.ProcessConfigString(config)) })
	js, err := jetstream.New(natstest.Connect(t, broker.URL()))
	require.NoError(t, err)
	var refusals refusalCounter
	cfg := impatient()
	cfg.Logger = slog.New(&refusals)
	stop := start(t, newRelay(t, pool, js, cfg))
	const events = 100
	insertEvents(t, pool, events)
	require.Eventually(t, func() bool { return refusals.Load() >= 100 }, patience, 10*time.Millisecond) // far more than Config.Attempts
	awaitParked(t, pool, map[parked.State]int64{})
	require.Less(t, len(readStream(t, js)), events)

	config = strings.ReplaceAll(config, "20K", "20M")
	restart(t, broker, js)
	awaitCaughtUp(t, pool, js)
	require.NoError(t, stop())
	requireExact(t, pool, js)
}

// refusalCounter is a log handler that counts how often a relay says that it has to try again.
type refusalCounter struct{ atomic.Int64 }

func (c *refusalCounter) Enabled(_ context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn
}
func (c *refusalCounter) Handle(context.Context, slog.Record) error { c.Add(1); return nil }
func (c *refusalCounter) WithAttrs([]slog.Attr) slog.Handler        { return c }
func (c *refusalCounter) WithGroup(string) slog.Handler             { return c }
