package load_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/load"
	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/publisher"
)

const patience = 30 * time.Second

// world is a database, a broker, and a relay that is not running yet.
type world struct {
	pool  *pgxpool.Pool
	js    jetstream.JetStream
	relay *publisher.Relay
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{pool: pgtest.New(t)}
	w.js, _ = natstest.JetStream(t)
	relay, err := publisher.NewRelay(w.pool, w.js, publisher.Config{})
	require.NoError(t, err)
	w.relay = relay
	return w
}

// config is of a short run with the relay in it. Of the pool's ten connections the relay needs some.
func (w *world) config() load.Config {
	return load.Config{Rate: 200, Count: 200, Streams: 5, Concurrency: 4, Size: 100, Relay: w.relay.Run, Durable: "load", Patience: patience}
}

func (w *world) run(t *testing.T, cfg load.Config) load.Report {
	t.Helper()
	report, err := load.Run(t.Context(), w.pool, w.js, cfg)
	require.NoError(t, err)
	return report
}

// rows is what a query counts.
func (w *world) rows(t *testing.T, sql string, args ...any) (n int64) {
	t.Helper()
	require.NoError(t, w.pool.QueryRow(t.Context(), sql, args...).Scan(&n))
	return n
}

// consumers are those of the stream EVENTS.
func (w *world) consumers(t *testing.T) (names []string) {
	t.Helper()
	stream, err := w.js.Stream(t.Context(), "EVENTS")
	require.NoError(t, err)
	listed := stream.ConsumerNames(t.Context())
	for name := range listed.Name() {
		names = append(names, name)
	}
	require.NoError(t, listed.Err())
	return names
}

// inBackground runs a part of the system until the test ends, and fails the test if it fails.
func inBackground(t *testing.T, run func(ctx context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// requireSound checks what holds of every report of a run without faults.
func requireSound(t *testing.T, events int64, r load.Report) {
	t.Helper()
	require.Equal(t, !r.RateMissed, r.OK, "%+v", r) // a machine that is busy with other tests may miss it
	require.Equal(t, [3]int64{events, events, events}, [3]int64{r.Appended, r.Published, r.Handled})
	require.Zero(t, r.Lost+r.Doubled+r.OutOfOrder+r.Outstanding+r.Abandoned)
	var sums [3]int64
	for _, interval := range r.Intervals {
		sums[0] += interval.Appended
		sums[1] += interval.Published
		sums[2] += interval.Handled
	}
	require.Equal(t, [3]int64{events, events, events}, sums)
	for name, l := range map[string]load.Latency{
		"append": r.Latency.Append, "publish": r.Latency.Publish, "handle": r.Latency.Handle, "end to end": r.Latency.EndToEnd,
	} {
		require.Equal(t, events, l.Count, name)
		require.IsNonDecreasing(t, []float64{0, l.P50, l.P90, l.P99, l.P999, l.Max}, name)
		require.Less(t, l.Max, patience.Seconds(), name)
	}
	require.Positive(t, r.Latency.Append.P50)
	require.Positive(t, r.Latency.EndToEnd.P50)
	require.GreaterOrEqual(t, r.Latency.EndToEnd.Max*1.001, r.Latency.Append.P50, "the whole is no shorter than a part")
}
