package erasure_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	_ "github.com/jackc/pgx/v5/stdlib"
	_ "github.com/lib/pq"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore/erasure"
	"github.com/contrail-events/contrail/internal/pgtest"
)

const patience = 20 * time.Second

// sealsAndOpens stores an event with a person's key, and reads it back as a reader does.
func sealsAndOpens(t *testing.T, pool *pgxpool.Pool, ring *erasure.Keyring, key erasure.Key, n string) contrail.Recorded {
	t.Helper()
	event := contact(key, n, name)
	_, err := pool.Exec(t.Context(), `INSERT INTO contrail.events (id, stream, version, type, data, metadata) VALUES ($1, $2, 1, $3, $4, $5)`,
		event.ID, event.Stream.String(), event.Type, event.Data, event.Metadata)
	require.NoError(t, err)
	event.Data = value[json.RawMessage](t, pool, `SELECT data FROM contrail.events WHERE id = $1`, event.ID)
	opened, err := ring.Open(event, wrappedOf(t, pool, event.ID))
	require.NoError(t, err)
	require.JSONEq(t, name, string(opened.Data))
	return event
}

// wrappedOf reads the key as the store's readers do.
func wrappedOf(tb testing.TB, pool *pgxpool.Pool, event uuid.UUID) *string {
	tb.Helper()
	return value[*string](tb, pool, `SELECT k.wrapped FROM contrail.events e LEFT JOIN contrail.keys k ON k.id = e.metadata->>'key_id'
		WHERE e.id = $1`, event)
}

func TestKeysForEveryKindOfTransaction(t *testing.T) {
	t.Parallel()
	subjects := []string{"contact-2", "contact-1", "contact-2", `o'Brien "x" \ ü 漢`}
	wanted := []string{"contact-1", "contact-2", `o'Brien "x" \ ü 漢`}
	check := func(t *testing.T, pool *pgxpool.Pool, query erasure.Query, commit func()) {
		t.Helper()
		ring := keyring(t, "2026-11")
		keys, err := ring.KeysFor(subjects, query)
		require.NoError(t, err)
		require.Len(t, keys, 3)
		again, err := ring.KeysFor(subjects, query)
		require.NoError(t, err)
		for _, subject := range wanted {
			require.Equal(t, keys[subject].ID(), again[subject].ID(), "in the same transaction")
		}
		none, err := ring.KeysFor(nil, query)
		require.NoError(t, err)
		require.Empty(t, none)
		commit()
		later := keysFor(t, pool, ring, wanted...)
		require.Equal(t, 3, value[int](t, pool, `SELECT count(*) FROM contrail.keys`))
		for n, subject := range wanted {
			require.Equal(t, keys[subject].ID(), later[subject].ID())
			sealsAndOpens(t, pool, ring, keys[subject], strconv.Itoa(n))
		}
	}
	for _, mode := range []pgx.QueryExecMode{
		pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe, pgx.QueryExecModeDescribeExec, pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol,
	} {
		t.Run("pgx "+mode.String(), func(t *testing.T) {
			t.Parallel()
			pool := pgtest.New(t)
			config := pool.Config()
			config.ConnConfig.DefaultQueryExecMode = mode
			moded, err := pgxpool.NewWithConfig(t.Context(), config)
			require.NoError(t, err)
			defer moded.Close()
			tx := begin(t, moded)
			check(t, pool, pgxQuery(t.Context(), tx), func() { require.NoError(t, tx.Commit(t.Context())) })
		})
	}
	for _, driver := range []string{"pgx", "postgres"} {
		t.Run("database/sql "+driver, func(t *testing.T) {
			t.Parallel()
			pool := pgtest.New(t)
			db, err := sql.Open(driver, pool.Config().ConnString())
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, db.Close()) })
			tx, err := db.BeginTx(t.Context(), nil)
			require.NoError(t, err)
			check(t, pool, sqlQuery(t.Context(), tx), func() { require.NoError(t, tx.Commit()) })
		})
	}
}

// The usual append, to a person who is known, costs one round trip.
func TestKeysForRoundTrips(t *testing.T) {
	t.Parallel()
	pool, ring := pgtest.New(t), keyring(t, "2026-11")
	tx := begin(t, pool)
	asked := 0
	query := func(statement string, args ...any) (erasure.Rows, error) {
		asked++
		return tx.Query(t.Context(), statement, args...) //nolint:rowserrcheck,sqlclosecheck // who asked does both
	}
	for _, test := range []struct {
		want     int
		subjects []string
	}{{2, []string{"a", "b"}}, {1, []string{"b", "a"}}, {2, []string{"a", "b", "c"}}, {0, nil}} {
		asked = 0
		_, err := ring.KeysFor(test.subjects, query)
		require.NoError(t, err)
		require.Equal(t, test.want, asked)
	}
}

func TestKeysForRefusesWhatIsNoSubject(t *testing.T) {
	t.Parallel()
	ring := keyring(t, "2026-11")
	for subject, reason := range map[string]string{
		"": "is empty", strings.Repeat("x", 201): "longer than 200 bytes", "a\x00b": "NUL", "a\xffb": "UTF-8",
	} {
		_, err := ring.KeysFor([]string{"contact-1", subject}, func(string, ...any) (erasure.Rows, error) {
			require.Fail(t, "the database is asked")
			return nil, nil
		})
		require.ErrorIs(t, err, contrail.ErrInvalid)
		require.ErrorContains(t, err, reason)
	}
	_, err := keyring(t, "2026-11").KeysFor([]string{"a"}, func(string, ...any) (erasure.Rows, error) { return nil, &pgconn.PgError{Code: "25P02"} })
	var refusal *pgconn.PgError
	require.ErrorAs(t, err, &refusal)
}

func TestKeysForWithoutTheRightKEK(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	keysFor(t, pool, keyring(t, "2025"), "contact-1")
	tx := begin(t, pool)
	_, err := keyring(t, "2026").KeysFor([]string{"contact-1", "contact-2"}, pgxQuery(t.Context(), tx))
	require.ErrorIs(t, err, erasure.ErrNoKEK)
	_, err = keyring(t, "2025").KeysFor([]string{"contact-1"}, pgxQuery(t.Context(), tx))
	require.NoError(t, err, "the transaction is still good")
	require.NoError(t, tx.Rollback(t.Context()))

	_, err = pool.Exec(t.Context(), `UPDATE contrail.keys SET wrapped = 'x'`)
	require.NoError(t, err)
	_, err = keyring(t, "2025").KeysFor([]string{"contact-1"}, pgxQuery(t.Context(), begin(t, pool)))
	var corrupt *erasure.CorruptError
	require.ErrorAs(t, err, &corrupt)
}

func TestKeyGoesWithTheTransactionThatMadeIt(t *testing.T) {
	t.Parallel()
	pool, ring := pgtest.New(t), keyring(t, "2026-11")
	tx := begin(t, pool)
	keys, err := ring.KeysFor([]string{"contact-1"}, pgxQuery(t.Context(), tx))
	require.NoError(t, err)
	require.NoError(t, tx.Rollback(t.Context()))
	later := keysFor(t, pool, ring, "contact-1")
	require.NotEqual(t, keys["contact-1"].ID(), later["contact-1"].ID())
	require.Equal(t, 1, value[int](t, pool, `SELECT count(*) FROM contrail.keys`))
}

// Sixteen first appends at once: one makes the key, and all use it. Some roll back, so that others must take over.
func TestFirstKeysOfManyAtOnce(t *testing.T) {
	t.Parallel()
	pool, ring := pgtest.New(t), keyring(t, "2026-11")
	config := pool.Config()
	config.MaxConns = 16
	wide, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	defer wide.Close()
	subjects := []string{"contact-1", "contact-2", "contact-3"}
	const writers = 16
	used := make([]string, writers)
	start := make(chan struct{})
	var group sync.WaitGroup
	for n := range writers {
		group.Go(func() {
			<-start
			tx, err := wide.Begin(context.Background())
			if err != nil {
				return
			}
			mine := slices.Clone(subjects)
			if n%2 == 0 {
				slices.Reverse(mine) // the order does not matter
			}
			keys, err := ring.KeysFor(mine, pgxQuery(context.Background(), tx))
			if err != nil || n%4 == 3 {
				_ = tx.Rollback(context.Background())
				return
			}
			if tx.Commit(context.Background()) == nil {
				used[n] = keys["contact-1"].ID() + keys["contact-2"].ID() + keys["contact-3"].ID()
			}
		})
	}
	close(start)
	group.Wait()
	stored := value[string](t, pool, `SELECT string_agg(id, '' ORDER BY subject) FROM contrail.keys`)
	require.Equal(t, 3, value[int](t, pool, `SELECT count(*) FROM contrail.keys`))
	for n, ids := range used {
		if n%4 != 3 {
			require.Equal(t, stored, ids, "writer %d", n)
		}
	}
}

// waiting waits until a session of the database waits for a lock.
func waiting(tb testing.TB, pool *pgxpool.Pool) {
	tb.Helper()
	require.Eventually(tb, func() bool {
		return value[int](tb, pool, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`) == 1
	}, patience, 5*time.Millisecond)
}

func TestErasingWaitsForWhatWasSealed(t *testing.T) {
	t.Parallel()
	pool, ring := pgtest.New(t), keyring(t, "2026-11")
	keys := newKeys(t, pool, ring, erasure.Config{})
	keysFor(t, pool, ring, "contact-1")
	tx := begin(t, pool)
	found, err := ring.KeysFor([]string{"contact-1"}, pgxQuery(t.Context(), tx))
	require.NoError(t, err)
	event := contact(found["contact-1"], "1", name)
	_, err = tx.Exec(t.Context(), `INSERT INTO contrail.events (id, stream, version, type, data, metadata) VALUES ($1, 'contact-1', 1, $2, $3, $4)`,
		event.ID, event.Type, event.Data, event.Metadata)
	require.NoError(t, err)

	erased := make(chan error, 1)
	go func() {
		did, err := erase(t.Context(), pool, keys, "contact-1")
		if err == nil && !did {
			err = pgx.ErrNoRows
		}
		erased <- err
	}()
	waiting(t, pool)
	keysFor(t, pool, ring, "contact-2") // nobody else waits
	require.NoError(t, tx.Commit(t.Context()))
	require.NoError(t, <-erased)
	opened, err := ring.Open(event, wrappedOf(t, pool, event.ID))
	require.NoError(t, err)
	require.True(t, opened.Erased, "what was appended before is erased with the rest")
}

func TestSealingWaitsForTheErasing(t *testing.T) {
	t.Parallel()
	for name, commits := range map[string]bool{"commits": true, "rolls back": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool, ring := pgtest.New(t), keyring(t, "2026-11")
			keys := newKeys(t, pool, ring, erasure.Config{})
			old := keysFor(t, pool, ring, "contact-1")["contact-1"]
			tx := begin(t, pool)
			erased, err := keys.Erase(t.Context(), tx, "contact-1")
			require.NoError(t, err)
			require.True(t, erased)

			sealed := make(chan erasure.Key, 1)
			go func() {
				var keys map[string]erasure.Key
				_ = pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) (err error) {
					keys, err = ring.KeysFor([]string{"contact-1"}, pgxQuery(t.Context(), tx))
					return err
				})
				sealed <- keys["contact-1"]
			}()
			waiting(t, pool)
			if !commits {
				require.NoError(t, tx.Rollback(t.Context()))
				require.Equal(t, old.ID(), (<-sealed).ID())
				return
			}
			require.NoError(t, tx.Commit(t.Context()))
			key := <-sealed
			require.NotEqual(t, old.ID(), key.ID(), "a new key, and not the one that is gone")
			sealsAndOpens(t, pool, ring, key, "1")
		})
	}
}

// At REPEATABLE READ a rival is a serialization failure, and no endless loop.
func TestKeysForAtRepeatableRead(t *testing.T) {
	t.Parallel()
	pool, ring := pgtest.New(t), keyring(t, "2026-11")
	tx, err := pool.BeginTx(t.Context(), pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
	require.NoError(t, err)
	defer tx.Rollback(context.Background())
	_, err = tx.Exec(t.Context(), `SELECT 1`)
	require.NoError(t, err)
	keysFor(t, pool, ring, "contact-1")
	_, err = ring.KeysFor([]string{"contact-1"}, pgxQuery(t.Context(), tx))
	var refusal *pgconn.PgError
	require.ErrorAs(t, err, &refusal)
	require.Equal(t, "40001", refusal.Code)
}
