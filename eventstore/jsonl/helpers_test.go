package jsonl_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/eventstore/jsonl"
	"github.com/contrail-events/contrail/internal/pgtest"
)

// stored returns all events of a store. A session that was killed may hold the horizon back for a moment longer.
func stored(tb testing.TB, pool *pgxpool.Pool) []contrail.Recorded {
	tb.Helper()
	require.Eventually(tb, func() bool {
		var settled bool
		err := pool.QueryRow(tb.Context(), `SELECT contrail.horizon() = contrail.last_position()`).Scan(&settled)
		return err == nil && settled
	}, 10*time.Second, time.Millisecond)
	store, err := eventstore.New(eventstore.Config{})
	require.NoError(tb, err)
	var events []contrail.Recorded
	for event, err := range store.Read(tb.Context(), pool, eventstore.Query{}) {
		require.NoError(tb, err)
		events = append(events, event)
	}
	return events
}

// seeded is a store with some events of plain SQL.
func seeded(tb testing.TB, streams ...string) *pgxpool.Pool {
	tb.Helper()
	pool := pgtest.New(tb)
	for _, stream := range streams {
		_, err := pool.Exec(tb.Context(), `INSERT INTO contrail.events (stream, version, type, data) VALUES ($1, 1, 'Seeded', '{}')`, stream)
		require.NoError(tb, err)
	}
	return pool
}

func importText(tb testing.TB, pool *pgxpool.Pool, text string, config jsonl.Config) (jsonl.Result, error) {
	tb.Helper()
	return jsonl.Import(tb.Context(), pool, strings.NewReader(text), config)
}

// counted are n lines that say nothing but their number, over three streams.
func counted(n int) string {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, `{"stream":"count-%d","type":"Counted","data":{"n":%d}}`+"\n", i%3, i)
	}
	return text.String()
}

// requireCounted fails unless each of the n lines has been taken once, in order.
func requireCounted(tb testing.TB, pool *pgxpool.Pool, n int) {
	tb.Helper()
	events := stored(tb, pool)
	require.Equal(tb, n, len(events), "events") //nolint:testifylint // Len would print all of them
	for i, event := range events {
		require.JSONEq(tb, fmt.Sprintf(`{"n":%d}`, i), string(event.Data))
		require.EqualValues(tb, i/3+1, event.Version)
	}
}
