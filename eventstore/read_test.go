package eventstore_test

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/pgtest"
)

// labels collects "stream@version" of what is read.
func labels(tb testing.TB, events iter.Seq2[contrail.Recorded, error]) []string {
	tb.Helper()
	found := []string{}
	for event, err := range events {
		require.NoError(tb, err)
		found = append(found, fmt.Sprintf("%s@%d", event.Stream, event.Version))
	}
	return found
}

// insert writes events by plain SQL: of two streams of each of two categories, in turns.
func insertMany(tb testing.TB, pool *pgxpool.Pool, rounds int) {
	tb.Helper()
	_, err := pool.Exec(tb.Context(), `INSERT INTO contrail.events (stream, version, type, data, metadata, recorded_at)
		SELECT stream, n, CASE n % 2 WHEN 1 THEN 'Opened' ELSE 'Closed' END, jsonb_build_object('n', n),
			jsonb_build_object('correlation_id', 'c' || n % 3, 'tenant_id', 't' || n % 2), '2026-01-01T00:00:00Z'::timestamptz + n * interval '1 hour'
		FROM generate_series(1, $1::bigint) n, unnest('{invoice-1,invoice-2,contact-1,contact-2}'::text[]) WITH ORDINALITY s (stream, i) ORDER BY n, i`,
		rounds)
	require.NoError(tb, err)
}

func TestRead(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	store := newStore(t)
	insertMany(t, pool, 4)
	invoice1 := contrail.NewStreamID("invoice", "1")
	hour := func(n int) time.Time { return time.Date(2026, 1, 1, n, 0, 0, 0, time.UTC) }
	round := func(n int) []string {
		return []string{
			fmt.Sprintf("invoice-1@%d", n), fmt.Sprintf("invoice-2@%d", n), fmt.Sprintf("contact-1@%d", n), fmt.Sprintf("contact-2@%d", n),
		}
	}
	all := slices.Concat(round(1), round(2), round(3), round(4))
	reversed := slices.Clone(all)
	slices.Reverse(reversed)
	for name, c := range map[string]struct {
		query eventstore.Query
		want  []string
	}{
		"everything":           {eventstore.Query{}, all},
		"backwards":            {eventstore.Query{Backwards: true}, reversed},
		"from a position":      {eventstore.Query{After: 13}, all[13:]},
		"up to a position":     {eventstore.Query{Until: 3}, all[:3]},
		"a range, backwards":   {eventstore.Query{After: 2, Until: 4, Backwards: true}, []string{"contact-2@1", "contact-1@1"}},
		"a limit":              {eventstore.Query{Limit: 2}, all[:2]},
		"the last ones":        {eventstore.Query{Limit: 2, Backwards: true}, reversed[:2]},
		"a category":           {eventstore.Query{Category: "contact", After: 8}, []string{"contact-1@3", "contact-2@3", "contact-1@4", "contact-2@4"}},
		"a category's last":    {eventstore.Query{Category: "invoice", Backwards: true, Limit: 1}, []string{"invoice-2@4"}},
		"no such category":     {eventstore.Query{Category: "invoic"}, []string{}},
		"a stream":             {eventstore.Query{Stream: invoice1, After: 4}, []string{"invoice-1@2", "invoice-1@3", "invoice-1@4"}},
		"a type":               {eventstore.Query{Types: []string{"Opened"}}, slices.Concat(round(1), round(3))},
		"types":                {eventstore.Query{Types: []string{"Opened", "Closed"}, Limit: 5}, all[:5]},
		"a correlation":        {eventstore.Query{CorrelationID: "c1"}, slices.Concat(round(1), round(4))},
		"no such correlation":  {eventstore.Query{CorrelationID: "c9"}, []string{}},
		"a tenant":             {eventstore.Query{TenantID: "t0", Category: "invoice"}, []string{"invoice-1@2", "invoice-2@2", "invoice-1@4", "invoice-2@4"}},
		"since":                {eventstore.Query{Since: hour(3)}, slices.Concat(round(3), round(4))},
		"before":               {eventstore.Query{Before: hour(2)}, round(1)},
		"all of it at once":    {eventstore.Query{Stream: invoice1, Category: "invoice", Types: []string{"Closed"}, CorrelationID: "c2", TenantID: "t0", Since: hour(1), Before: hour(4), After: 1, Until: 16, Limit: 9}, []string{"invoice-1@2"}},
		"beyond what is there": {eventstore.Query{After: 1000}, []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, labels(t, store.Read(t.Context(), pool, c.query)))
			require.Equal(t, c.want, labels(t, store.Read(t.Context(), pool, c.query)), "again")
		})
	}
	t.Run("the same loop twice", func(t *testing.T) {
		t.Parallel()
		twice := store.Read(t.Context(), pool, eventstore.Query{Limit: 3})
		require.Equal(t, all[:3], labels(t, twice))
		require.Equal(t, all[:3], labels(t, twice))
	})
}

// Pages are of no consequence: neither where one ends with the last event, nor where large events cut it short.
func TestReadGoesOnFromPageToPage(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	store := newStore(t)
	insertMany(t, pool, 500) // 2000 events, two full pages
	_, err := pool.Exec(t.Context(), `INSERT INTO contrail.events (stream, version, type, data)
		SELECT 'large-1', n, 'Large', to_jsonb(repeat('x', 400000)) FROM generate_series(1, 30) n`)
	require.NoError(t, err)

	count, last := 0, contrail.Position(0)
	for event, err := range store.Read(t.Context(), pool, eventstore.Query{}) {
		require.NoError(t, err)
		require.Greater(t, event.Position, last)
		count, last = count+1, event.Position
	}
	require.Equal(t, 2030, count)
	require.Len(t, labels(t, store.Read(t.Context(), pool, eventstore.Query{Until: 2000})), 2000)
	require.Len(t, labels(t, store.Read(t.Context(), pool, eventstore.Query{Limit: 1500, Backwards: true})), 1500)
	require.Len(t, labels(t, store.Load(t.Context(), pool, contrail.NewStreamID("large", "1"), 1)), 30)
	backwards := labels(t, store.LoadBackwards(t.Context(), pool, contrail.NewStreamID("large", "1"), 0))
	require.Len(t, backwards, 30)
	require.Equal(t, "large-1@30", backwards[0])
	require.Equal(t, "large-1@1", backwards[29])
}

func TestLoadBackwards(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	store := newStore(t)
	insertMany(t, pool, 3)
	stream := contrail.NewStreamID("invoice", "2")
	require.Equal(t, []string{"invoice-2@3", "invoice-2@2", "invoice-2@1"}, labels(t, store.LoadBackwards(t.Context(), pool, stream, 0)))
	require.Equal(t, []string{"invoice-2@2", "invoice-2@1"}, labels(t, store.LoadBackwards(t.Context(), pool, stream, 2)))
	require.Empty(t, labels(t, store.LoadBackwards(t.Context(), pool, contrail.NewStreamID("invoice", "9"), 0)))
}

// While a loop runs, its body may use the transaction that it reads from.
func TestLoadLeavesTheConnectionFree(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	store := newStore(t)
	insertMany(t, pool, 3)
	err := pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
		for event, err := range store.Load(t.Context(), tx, contrail.NewStreamID("invoice", "1"), 1) {
			require.NoError(t, err)
			_, err = store.Append(t.Context(), tx, contrail.NewStreamID("copy", "1"), eventstore.Any, contrail.Event{Type: event.Type, Data: event.Data})
			require.NoError(t, err)
		}
		require.Len(t, labels(t, store.Load(t.Context(), tx, contrail.NewStreamID("copy", "1"), 1)), 3)
		return nil
	})
	require.NoError(t, err)
}

func TestFind(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	store := newStore(t)
	recorded, err := appendNow(t.Context(), pool, invoice42, eventstore.NoStream, happened("A"), happened("B"))
	require.NoError(t, err)
	found, err := store.Find(t.Context(), pool, recorded[1].ID)
	require.NoError(t, err)
	require.Equal(t, "B", found.Type)
	require.Equal(t, recorded[1].Position, found.Position)

	_, err = store.Find(t.Context(), pool, uuid.Max)
	require.ErrorIs(t, err, eventstore.ErrNotFound)
	require.EqualError(t, err, "find event ffffffff-ffff-ffff-ffff-ffffffffffff: there is no such event")
}

// An event above an open transaction's is not settled: Read waits for neither, and passes over nothing.
func TestReadStopsAtTheHorizon(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	store := newStore(t)
	ctx := t.Context()
	insertMany(t, pool, 1)
	slow, err := pool.Begin(ctx)
	require.NoError(t, err)
	_, err = store.Append(ctx, slow, contrail.NewStreamID("slow", "1"), eventstore.NoStream, happened("Slow"))
	require.NoError(t, err)
	_, err = appendNow(ctx, pool, contrail.NewStreamID("fast", "1"), eventstore.NoStream, happened("Fast"))
	require.NoError(t, err)

	require.Len(t, labels(t, store.Read(ctx, pool, eventstore.Query{})), 4)
	require.Len(t, labels(t, store.Read(ctx, pool, eventstore.Query{Backwards: true, Until: 100})), 4)
	require.Len(t, labels(t, store.Read(ctx, slow, eventstore.Query{})), 4, "its own are not settled either")
	require.NoError(t, slow.Commit(ctx))
	require.Len(t, labels(t, store.Read(ctx, pool, eventstore.Query{})), 6)
}

// firstError is what a loop ends with.
func firstError(events iter.Seq2[contrail.Recorded, error]) error {
	for _, err := range events {
		if err != nil {
			return err
		}
	}
	return nil
}

// A snapshot older than the horizon would lose what is committed in between.
func TestReadRefusesASnapshotThatIsTooOld(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	store := newStore(t)
	ctx := t.Context()
	for _, level := range []pgx.TxIsoLevel{pgx.RepeatableRead, pgx.Serializable} {
		tx, err := pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: level})
		require.NoError(t, err)
		require.ErrorIs(t, firstError(store.Read(ctx, tx, eventstore.Query{})), eventstore.ErrIsolation)
		_, err = eventstore.Horizon(ctx, tx)
		require.ErrorIs(t, err, eventstore.ErrIsolation)
		require.NoError(t, firstError(store.Load(ctx, tx, invoice42, 0)), "one stream needs no horizon")
		require.NoError(t, tx.Rollback(ctx))
	}
	t.Run("but statements of their own are fresh whatever the default", func(t *testing.T) {
		t.Parallel()
		config := pool.Config()
		config.ConnConfig.RuntimeParams["default_transaction_isolation"] = "serializable"
		strict, err := pgxpool.NewWithConfig(ctx, config)
		require.NoError(t, err)
		defer strict.Close()
		require.NoError(t, firstError(store.Read(ctx, strict, eventstore.Query{})))
		conn, err := strict.Acquire(ctx)
		require.NoError(t, err)
		defer conn.Release()
		require.NoError(t, firstError(store.Read(ctx, conn, eventstore.Query{})))
		require.NoError(t, firstError(store.Read(ctx, conn.Conn(), eventstore.Query{})))
		_, err = conn.Exec(ctx, `BEGIN`)
		require.NoError(t, err)
		require.ErrorIs(t, firstError(store.Read(ctx, conn.Conn(), eventstore.Query{})), eventstore.ErrIsolation)
		_, err = conn.Exec(ctx, `ROLLBACK`)
		require.NoError(t, err)
	})
}

func TestReadRefusesBadInput(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	store := newStore(t)
	err := firstError(store.Read(t.Context(), pool, eventstore.Query{
		After: -1, Until: -1, Limit: -1, Category: "a-b", Types: []string{"9"}, Stream: contrail.NewStreamID("a", "*"),
		Since: time.Unix(2, 0), Before: time.Unix(1, 0), CorrelationID: "c\x00", TenantID: "\xff",
	}))
	require.ErrorIs(t, err, contrail.ErrInvalid)
	for _, part := range []string{
		"After is -1", "Until is -1", "Limit is -1", `Category is "a-b"`, `event type "9"`, `stream "a-*"`, "Since must be before Before",
		`CorrelationID is "c\x00", must be`, `TenantID is "\xff", must be`,
	} {
		require.ErrorContains(t, err, part)
	}
	require.ErrorIs(t, firstError(store.Load(t.Context(), pool, contrail.StreamID{}, 0)), contrail.ErrInvalid)

	tx, err := pool.Begin(t.Context())
	require.NoError(t, err)
	require.NoError(t, tx.Rollback(t.Context()))
	require.ErrorIs(t, firstError(store.Load(t.Context(), tx, invoice42, 0)), eventstore.ErrTransactionAborted)
	require.ErrorIs(t, firstError(store.Read(t.Context(), tx, eventstore.Query{})), eventstore.ErrTransactionAborted)
	_, err = store.Find(t.Context(), tx, uuid.Max)
	require.ErrorIs(t, err, eventstore.ErrTransactionAborted)

	empty, err := pgxpool.New(t.Context(), pgtest.Empty(t))
	require.NoError(t, err)
	defer empty.Close()
	require.ErrorIs(t, firstError(store.Load(t.Context(), empty, invoice42, 0)), eventstore.ErrNotMigrated)
	require.ErrorIs(t, firstError(store.Read(t.Context(), empty, eventstore.Query{})), eventstore.ErrNotMigrated)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, firstError(store.Read(ctx, pool, eventstore.Query{})), context.Canceled)
}

// Category and correlation are found in an index, also before the table was ever analysed.
func TestReadUsesTheIndexes(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	for name, c := range map[string]struct {
		query eventstore.Query
		index string
	}{
		"category":    {eventstore.Query{Category: "contact"}, "events_category_idx"},
		"backwards":   {eventstore.Query{Category: "contact", Backwards: true}, "events_category_idx"},
		"correlation": {eventstore.Query{CorrelationID: "c1"}, "events_correlation_idx"},
		"stream":      {eventstore.Query{Stream: invoice42}, "events_stream_version_key"},
		"everything":  {eventstore.Query{}, "events_pkey"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			statement, args := newStore(t).Statement(c.query)
			rows, err := pool.Query(t.Context(), `EXPLAIN `+statement, args...)
			require.NoError(t, err)
			plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
			require.NoError(t, err)
			require.Contains(t, strings.Join(plan, "\n"), c.index)
		})
	}
}

// A statement that is kept prepared is planned for any category after a few calls: for a rare one it would walk the whole table.
func TestReadIsPlannedForItsQuery(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	store := newStore(t)
	insertMany(t, pool, 1)
	prepared := func(conn *pgx.Conn, db eventstore.Querier) (count int) {
		require.Len(t, labels(t, store.Read(t.Context(), db, eventstore.Query{Category: "contact"})), 2)
		require.NoError(t, conn.QueryRow(t.Context(),
			`SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE 'SELECT e.position%'`).Scan(&count))
		return count
	}
	conn := connect(t, pool)
	require.Zero(t, prepared(conn, conn))
	tx, err := conn.Begin(t.Context())
	require.NoError(t, err)
	require.Zero(t, prepared(conn, tx))
	require.NoError(t, tx.Rollback(t.Context()))

	for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeDescribeExec, pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol} {
		config := pool.Config().ConnConfig
		config.DefaultQueryExecMode, config.DescriptionCacheCapacity = mode, 0
		conn, err := pgx.ConnectConfig(t.Context(), config)
		require.NoError(t, err)
		require.Zero(t, prepared(conn, conn), mode)
		require.NoError(t, conn.Close(t.Context()))
	}
	config := pool.Config().ConnConfig
	config.DescriptionCacheCapacity = 0
	conn, err = pgx.ConnectConfig(t.Context(), config)
	require.NoError(t, err)
	require.Equal(t, 1, prepared(conn, conn), "where nothing else is left")
	require.NoError(t, conn.Close(t.Context()))
}
