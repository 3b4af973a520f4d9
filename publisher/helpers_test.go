package publisher_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/publisher"
)

const patience = 30 * time.Second

// appendEvents appends n events to a stream, each in a transaction of its own.
func appendEvents(tb testing.TB, pool *pgxpool.Pool, stream string, n int) {
	tb.Helper()
	for i := range n {
		require.NoError(tb, appendOne(tb.Context(), pool, contrail.NewStreamID("test", stream), i))
	}
}

func appendOne(ctx context.Context, pool *pgxpool.Pool, stream contrail.StreamID, n int) error {
	store, err := eventstore.New(eventstore.Config{})
	if err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		event := contrail.Event{Type: "Counted", Data: json.RawMessage(fmt.Sprintf(`{"n":%d}`, n))}
		_, err := store.Append(ctx, tx, stream, eventstore.Any, event)
		return err
	})
}

// insertEvents appends n events with one plain INSERT, spread over ten streams.
func insertEvents(tb testing.TB, pool *pgxpool.Pool, n int) {
	tb.Helper()
	_, err := pool.Exec(tb.Context(), `INSERT INTO contrail.events (stream, version, type, data)
		SELECT 'bulk-' || n % 10, (SELECT coalesce(max(version), 0) FROM contrail.events WHERE stream = 'bulk-' || n % 10) + n / 10 + 1,
			'Counted', jsonb_build_object('n', n) FROM generate_series(0, $1 - 1) n`, n)
	require.NoError(tb, err)
}

// start runs a relay until the test ends or the returned function is called, which returns what Run returned.
func start(tb testing.TB, relay *publisher.Relay) (stop func() error) {
	tb.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- relay.Run(ctx) }()
	var result error
	var stopped bool
	stop = func() error {
		if !stopped {
			cancel()
			result, stopped = <-ended, true
		}
		return result
	}
	tb.Cleanup(func() { _ = stop() })
	return stop
}

func newRelay(tb testing.TB, pool *pgxpool.Pool, js jetstream.JetStream, cfg publisher.Config) *publisher.Relay {
	tb.Helper()
	relay, err := publisher.NewRelay(pool, js, cfg)
	require.NoError(tb, err)
	return relay
}

// published is one message, read back with plain nats.go.
type published struct {
	Sequence  string `json:"sequence"`
	Subject   string `json:"subject"`
	Version   int64  `json:"streamversion"`
	ID        string `json:"id"`
	Type      string `json:"type"`
	natsMsgID string
}

// readStream returns all messages of a stream, in order.
func readStream(tb testing.TB, js jetstream.JetStream) []published {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	stream, err := js.Stream(ctx, "EVENTS")
	require.NoError(tb, err)
	info, err := stream.Info(ctx)
	require.NoError(tb, err)
	consumer := openStream(ctx, tb, js)
	messages := make([]published, 0, info.State.Msgs)
	iterator, err := consumer.Messages()
	require.NoError(tb, err)
	defer iterator.Stop()
	for range info.State.Msgs {
		msg, err := iterator.Next(jetstream.NextContext(ctx))
		require.NoError(tb, err)
		one := published{natsMsgID: msg.Headers().Get("Nats-Msg-Id")}
		require.NoError(tb, json.Unmarshal(msg.Data(), &one))
		messages = append(messages, one)
	}
	return messages
}

// openStream asks again where a cluster that has just got a node back has lost the answer.
func openStream(ctx context.Context, tb testing.TB, js jetstream.JetStream) jetstream.Consumer {
	tb.Helper()
	for {
		once, cancel := context.WithTimeout(ctx, 5*time.Second)
		consumer, err := js.OrderedConsumer(once, "EVENTS", jetstream.OrderedConsumerConfig{})
		cancel()
		if ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
			continue
		}
		require.NoError(tb, err)
		return consumer
	}
}

// requireExact checks that the stream holds every event of the store once and in order.
func requireExact(tb testing.TB, pool *pgxpool.Pool, js jetstream.JetStream) {
	tb.Helper()
	rows, err := pool.Query(context.Background(),
		`SELECT lpad(position::text, 20, '0'), stream, version, id::text, type FROM contrail.events ORDER BY position`)
	require.NoError(tb, err)
	want, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (one published, err error) {
		err = row.Scan(&one.Sequence, &one.Subject, &one.Version, &one.ID, &one.Type)
		one.natsMsgID = one.ID
		return one, err
	})
	require.NoError(tb, err)
	require.Equal(tb, want, readStream(tb, js))
	report, err := publisher.Verify(context.Background(), pool, js, publisher.VerifyConfig{})
	require.NoError(tb, err)
	require.True(tb, report.OK, "%+v", report)
	require.EqualValues(tb, len(want), report.Events)
}

// awaitCaughtUp waits until everything that is settled now is published.
func awaitCaughtUp(tb testing.TB, pool *pgxpool.Pool, js jetstream.JetStream) {
	tb.Helper()
	require.Eventually(tb, func() bool {
		status, err := publisher.ReadStatus(context.Background(), pool, js, "EVENTS")
		return err == nil && status.LagEvents == 0
	}, recovery, 5*time.Millisecond)
}
