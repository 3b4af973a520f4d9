package eventstore_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
)

func newStore(tb testing.TB) *eventstore.Store {
	tb.Helper()
	store, err := eventstore.New(eventstore.Config{})
	require.NoError(tb, err)
	return store
}

func happened(kind string) contrail.Event {
	return contrail.Event{Type: kind, Data: json.RawMessage(`{"n":1}`)}
}

// appendNow appends in a transaction of its own.
func appendNow(
	ctx context.Context, pool *pgxpool.Pool, stream contrail.StreamID, expected eventstore.ExpectedVersion, events ...contrail.Event,
) (recorded []contrail.Recorded, err error) {
	store, err := eventstore.New(eventstore.Config{})
	if err != nil {
		return nil, err
	}
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		recorded, err = store.Append(ctx, tx, stream, expected, events...)
		return err
	})
	return recorded, err
}

// connect opens a connection outside the pool, on the same database.
func connect(tb testing.TB, pool *pgxpool.Pool) *pgx.Conn {
	tb.Helper()
	conn, err := pgx.ConnectConfig(tb.Context(), pool.Config().ConnConfig)
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// load returns a whole stream.
func load(tb testing.TB, pool *pgxpool.Pool, stream contrail.StreamID, from int64) []contrail.Recorded {
	tb.Helper()
	var events []contrail.Recorded
	for event, err := range newStore(tb).Load(tb.Context(), pool, stream, from) {
		require.NoError(tb, err)
		events = append(events, event)
	}
	return events
}
