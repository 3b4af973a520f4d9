package eventstore_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/localstack"
	"github.com/contrail-events/contrail/internal/pgtest"
)

// horizonRun is how long the writers of TestFeedReadsEveryCommittedEventOnce write; CONTRAIL_HORIZON_RUN=5m makes it a soak.
func horizonRun(tb testing.TB) time.Duration {
	tb.Helper()
	text := os.Getenv("CONTRAIL_HORIZON_RUN")
	if text == "" {
		return 4 * time.Second
	}
	duration, err := time.ParseDuration(text)
	require.NoError(tb, err)
	return duration
}

// Forty-eight writers of every kind, with delays, savepoints and rollbacks, while an unrelated transaction stays open: the feed must
// read each committed event once, positions ascending, each stream's versions ascending without a gap.
func TestFeedReadsEveryCommittedEventOnce(t *testing.T) {
	t.Parallel()
	pool := crowdedPool(t)
	committed, read := writeAndRead(t, pool, horizonRun(t))
	require.Greater(t, len(committed), 500, "too few events to prove anything")
	require.Empty(t, faults(committed, read))
	t.Logf("%d committed events, each read once and in order", len(committed))
}

// The same writers without the trigger: the very same check must fail, or it proves nothing.
func TestFeedLosesEventsWithoutTheTrigger(t *testing.T) {
	t.Parallel()
	pool := crowdedPool(t)
	_, err := pool.Exec(t.Context(), `DROP TRIGGER events_promise ON contrail.events`)
	require.NoError(t, err)
	committed, read := writeAndRead(t, pool, 3*time.Second)
	require.NotEmpty(t, faults(committed, read), "%d events and not one was lost", len(committed))
}

// crowdedPool is a database on a server of its own, so that fifty connections disturb no other test.
func crowdedPool(tb testing.TB) *pgxpool.Pool {
	tb.Helper()
	server := pgtest.Server(tb, localstack.PostgresConfig{})
	config, err := pgxpool.ParseConfig(server.URL())
	require.NoError(tb, err)
	config.MaxConns = 60
	pool, err := pgxpool.NewWithConfig(tb.Context(), config)
	require.NoError(tb, err)
	tb.Cleanup(pool.Close)
	_, err = eventstore.Migrate(tb.Context(), pool)
	require.NoError(tb, err)
	return pool
}

// writeAndRead lets the writers run while a feed reads, and returns what the table holds in the end and what the feed read.
func writeAndRead(tb testing.TB, pool *pgxpool.Pool, run time.Duration) (committed, read []contrail.Recorded) {
	tb.Helper()
	idle, err := pool.Begin(tb.Context()) // an unrelated transaction, with an id of its own, open all the while
	require.NoError(tb, err)
	defer func() { _ = idle.Rollback(context.Background()) }()
	_, err = idle.Exec(tb.Context(), `CREATE TEMP TABLE unrelated AS SELECT pg_current_xact_id()`)
	require.NoError(tb, err)

	ctx, cancel := context.WithTimeout(tb.Context(), run)
	defer cancel()
	var writers sync.WaitGroup
	var over atomic.Bool
	for number := range 48 {
		writers.Go(func() { write(ctx, tb, pool, number) })
	}
	conn := connect(tb, pool)
	feed, err := eventstore.NewFeed(conn, eventstore.FeedConfig{BatchEvents: 50})
	require.NoError(tb, err)
	go func() { writers.Wait(); over.Store(true) }()
	for {
		last := over.Load()
		events, err := feed.Next(tb.Context())
		require.NoError(tb, err)
		read = append(read, events...)
		if last && len(events) == 0 {
			break
		}
	}
	return everything(tb, pool), read
}

func everything(tb testing.TB, pool *pgxpool.Pool) (events []contrail.Recorded) {
	tb.Helper()
	rows, err := pool.Query(tb.Context(), `SELECT position, stream, version FROM contrail.events ORDER BY position`)
	require.NoError(tb, err)
	events, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (event contrail.Recorded, err error) {
		var stream string
		if err = row.Scan(&event.Position, &stream, &event.Version); err == nil {
			event.Stream, err = contrail.ParseStreamID(stream)
		}
		return event, err
	})
	require.NoError(tb, err)
	return events
}

// faults compares what was read with what is there.
func faults(committed, read []contrail.Recorded) []string {
	var found []string
	seen := make(map[contrail.Position]bool)
	versions := make(map[contrail.StreamID]int64)
	last := contrail.Position(0)
	for _, event := range read {
		if event.Position <= last {
			found = append(found, fmt.Sprintf("position %d came after %d", event.Position, last))
		}
		if event.Version != versions[event.Stream]+1 {
			found = append(found, fmt.Sprintf("version %d of %s came after %d", event.Version, event.Stream, versions[event.Stream]))
		}
		last, versions[event.Stream], seen[event.Position] = event.Position, event.Version, true
	}
	for _, event := range committed {
		if !seen[event.Position] {
			found = append(found, fmt.Sprintf("position %d was never read", event.Position))
		}
	}
	return found
}

// write is one writer: even numbers append through the library to streams that they share, others by plain INSERT, COPY or a multi-row
// INSERT to streams of their own.
func write(ctx context.Context, tb testing.TB, pool *pgxpool.Pool, number int) {
	tb.Helper()
	random := rand.New(rand.NewPCG(uint64(number), 42))
	version := int64(0)
	whole := context.WithoutCancel(ctx) // a transaction that has begun is finished
	for ctx.Err() == nil {
		grown := version
		err := pgx.BeginFunc(whole, pool, func(tx pgx.Tx) error {
			dawdle(ctx, random)
			if err := insertSome(whole, tx, random, number, &grown); err != nil {
				return err
			}
			dawdle(ctx, random)
			if random.IntN(5) == 0 {
				return errChangedMind
			}
			return nil
		})
		if err == nil {
			version = grown
		}
		if err != nil && !errors.Is(err, errChangedMind) && !errors.Is(err, contrail.ErrConflict) && !isDeadlock(err) {
			tb.Errorf("writer %d: %v", number, err)
			return
		}
	}
}

var errChangedMind = errors.New("changed my mind")

func isDeadlock(err error) bool {
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pgErr.Code == "40P01"
}

func dawdle(ctx context.Context, random *rand.Rand) {
	timer := time.NewTimer(time.Duration(random.ExpFloat64() * float64(4*time.Millisecond)))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

func insertSome(ctx context.Context, tx pgx.Tx, random *rand.Rand, number int, version *int64) error {
	own := "writer-" + strconv.Itoa(number)
	switch {
	case number%2 == 0:
		return appendInSavepoints(ctx, tx, random)
	case number%3 == 0: // COPY
		rows := [][]any{{own, *version + 1, "Copied", "{}"}, {own, *version + 2, "Copied", "{}"}}
		_, err := tx.CopyFrom(ctx, pgx.Identifier{"contrail", "events"}, []string{"stream", "version", "type", "data"}, pgx.CopyFromRows(rows))
		*version += 2
		return err
	default: // one INSERT of several rows
		n := 1 + random.Int64N(4)
		_, err := tx.Exec(ctx, `INSERT INTO contrail.events (stream, version, type, data)
			SELECT $1, $2::bigint + n, 'Inserted', '{}' FROM generate_series(1, $3::bigint) n`, own, *version, n)
		*version += n
		return err
	}
}

// appendInSavepoints appends within savepoints, some of which are rolled back before, between and after others.
func appendInSavepoints(ctx context.Context, tx pgx.Tx, random *rand.Rand) error {
	store, err := eventstore.New(eventstore.Config{})
	if err != nil {
		return err
	}
	for range 1 + random.IntN(3) {
		err := pgx.BeginFunc(ctx, tx, func(savepoint pgx.Tx) error {
			stream := contrail.NewStreamID("shared", strconv.Itoa(random.IntN(20)))
			_, err := store.Append(ctx, savepoint, stream, eventstore.Any, happened("First"), happened("Second"))
			if err == nil && random.IntN(3) == 0 {
				return errChangedMind
			}
			return err
		})
		if err != nil && !errors.Is(err, errChangedMind) {
			return err
		}
	}
	return nil
}

// The horizon must not move past an open appender, whatever else commits, and must not be held by anything else.
func TestHorizonIsHeldByAppendersOnly(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	ctx := t.Context()
	store := newStore(t)
	horizon := func() contrail.Position {
		position, err := eventstore.Horizon(ctx, pool)
		require.NoError(t, err)
		return position
	}
	require.Zero(t, horizon())

	reader, err := pool.Begin(ctx)
	require.NoError(t, err)
	defer func() { _ = reader.Rollback(ctx) }()
	_, err = reader.Exec(ctx, `SELECT pg_current_xact_id(), count(*) FROM contrail.events`)
	require.NoError(t, err)

	slow, err := pool.Begin(ctx)
	require.NoError(t, err)
	_, err = store.Append(ctx, slow, contrail.NewStreamID("slow", "1"), eventstore.NoStream, happened("Slow"))
	require.NoError(t, err)
	_, err = appendNow(ctx, pool, contrail.NewStreamID("fast", "1"), eventstore.NoStream, happened("Fast"))
	require.NoError(t, err)
	require.Zero(t, horizon(), "position 1 is still open")
	require.NoError(t, slow.Commit(ctx))
	require.EqualValues(t, 2, horizon())
}

// A savepoint that is rolled back takes its promise along; the next append in the same transaction must promise again.
func TestPromiseFollowsSavepoints(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	ctx := t.Context()
	store := newStore(t)
	tx, err := pool.Begin(ctx)
	require.NoError(t, err)
	savepoint, err := tx.Begin(ctx)
	require.NoError(t, err)
	_, err = store.Append(ctx, savepoint, contrail.NewStreamID("a", "1"), eventstore.NoStream, happened("A"))
	require.NoError(t, err)
	require.NoError(t, savepoint.Rollback(ctx))
	horizon, err := eventstore.Horizon(ctx, pool)
	require.NoError(t, err)
	require.EqualValues(t, 1, horizon, "position 1 is gone")
	recorded, err := store.Append(ctx, tx, contrail.NewStreamID("a", "1"), eventstore.NoStream, happened("A"))
	require.NoError(t, err)
	horizon, err = eventstore.Horizon(ctx, pool)
	require.NoError(t, err)
	require.Less(t, horizon, recorded[0].Position)
	require.NoError(t, tx.Commit(ctx))
}

// A marker that somebody set for the whole session must not switch the promise off.
func TestPromiseIgnoresAMarkerLeftInTheSession(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	conn := connect(t, pool)
	_, err := conn.Exec(t.Context(), `SELECT set_config('contrail.appender', pg_current_xact_id()::text, false)`)
	require.NoError(t, err)
	tx, err := conn.Begin(t.Context())
	require.NoError(t, err)
	recorded, err := newStore(t).Append(t.Context(), tx, contrail.NewStreamID("a", "1"), eventstore.NoStream, happened("A"))
	require.NoError(t, err)
	horizon, err := eventstore.Horizon(t.Context(), pool)
	require.NoError(t, err)
	require.Less(t, horizon, recorded[0].Position)
	require.NoError(t, tx.Commit(t.Context()))
}

// Keys hold the low 32 bits of a position: the horizon must be right across the places where these wrap and change their sign.
func TestHorizonAcrossTheWrapOfTheLowBits(t *testing.T) {
	t.Parallel()
	for _, start := range []int64{1<<31 - 3, 1<<32 - 3, 1<<33 + 1<<31 - 3} {
		t.Run(strconv.FormatInt(start, 10), func(t *testing.T) {
			t.Parallel()
			pool := pgtest.New(t)
			ctx := t.Context()
			_, err := pool.Exec(ctx, `ALTER SEQUENCE contrail.events_position_seq RESTART WITH `+strconv.FormatInt(start, 10))
			require.NoError(t, err)
			slow, err := pool.Begin(ctx)
			require.NoError(t, err)
			recorded, err := newStore(t).Append(ctx, slow, contrail.NewStreamID("slow", "1"), eventstore.NoStream, happened("Slow"))
			require.NoError(t, err)
			require.EqualValues(t, start, recorded[0].Position)
			for i := range 6 {
				_, err := appendNow(ctx, pool, contrail.NewStreamID("fast", strconv.Itoa(i)), eventstore.NoStream, happened("Fast"))
				require.NoError(t, err)
				horizon, err := eventstore.Horizon(ctx, pool)
				require.NoError(t, err)
				require.EqualValues(t, start-1, horizon)
			}
			require.NoError(t, slow.Commit(ctx))
			horizon, err := eventstore.Horizon(ctx, pool)
			require.NoError(t, err)
			require.EqualValues(t, start+6, horizon)
		})
	}
}
