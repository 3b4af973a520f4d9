package subscribers_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/localstack"
	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/publisher"
	"github.com/contrail-events/contrail/subscribers"
)

// BenchmarkCommitToHandler measures the whole way: from the return of the commit that appends an event, through relay, broker and inbox,
// to the call of its handler, at 100 and 1,000 events a second.
//
//	go test ./subscribers -run '^$' -bench CommitToHandler -benchtime 1x
func BenchmarkCommitToHandler(b *testing.B) {
	for _, rate := range []int{100, 1000} {
		b.Run(strconv.Itoa(rate), func(b *testing.B) {
			pool, handled := wholeWay(b, 5*rate*b.N)
			for range b.N {
				latencies := commitAtRate(b, pool, handled, rate, 5*rate)
				slices.Sort(latencies)
				for _, percentile := range []int{50, 99} {
					at := latencies[len(latencies)*percentile/100]
					b.ReportMetric(float64(at.Microseconds())/1000, fmt.Sprintf("p%d-ms", percentile))
				}
			}
		})
	}
}

type arrival struct {
	n  int
	at time.Time
}

// wholeWay runs a relay and a subscription with an inbox, on a database server of its own, and tells when each event reached its handler.
func wholeWay(b *testing.B, n int) (*pgxpool.Pool, <-chan arrival) {
	b.Helper()
	pool, err := pgxpool.New(b.Context(), pgtest.Server(b, localstack.PostgresConfig{}).URL())
	require.NoError(b, err)
	b.Cleanup(pool.Close)
	_, err = eventstore.Migrate(b.Context(), pool)
	require.NoError(b, err)
	js, _ := natstest.JetStream(b)
	relay, err := publisher.NewRelay(pool, js, publisher.Config{})
	require.NoError(b, err)
	handled := make(chan arrival, n+1)
	sub, err := subscribers.New(js, subscribers.Config{Durable: "latency", Inbox: subscribers.NewInbox(pool)})
	require.NoError(b, err)
	subscribers.HandleTx(sub, func(_ context.Context, _ pgx.Tx, e contrail.Delivered[drafted]) error {
		handled <- arrival{e.Data.N, time.Now()}
		return nil
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 2)
	go func() { ended <- relay.Run(ctx) }()
	go func() { ended <- sub.Run(ctx) }()
	b.Cleanup(func() {
		cancel()
		require.NoError(b, <-ended)
		require.NoError(b, <-ended)
	})
	commit(b, pool, -1) // the first one finds everything up and running
	<-handled
	return pool, handled
}

func commit(b *testing.B, pool *pgxpool.Pool, n int) {
	b.Helper()
	store, err := eventstore.New(eventstore.Config{})
	require.NoError(b, err)
	require.NoError(b, pgx.BeginFunc(b.Context(), pool, func(tx pgx.Tx) error {
		stream := contrail.NewStreamID("invoice", strconv.Itoa(n&63))
		_, err := store.Append(b.Context(), tx, stream, eventstore.Any, contrail.NewEvent(drafted{N: n}))
		return err
	}))
}

func commitAtRate(b *testing.B, pool *pgxpool.Pool, handled <-chan arrival, rate, n int) []time.Duration {
	b.Helper()
	commits := make([]time.Time, n)
	ticker := time.NewTicker(time.Second / time.Duration(rate))
	defer ticker.Stop()
	for i := range n {
		<-ticker.C
		commit(b, pool, i)
		commits[i] = time.Now()
	}
	latencies := make([]time.Duration, n)
	for range n {
		one := <-handled
		latencies[one.n] = max(0, one.at.Sub(commits[one.n]))
	}
	return latencies
}
