package erasure_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore/erasure"
	"github.com/contrail-events/contrail/internal/pgtest"
)

// counted counts what the database is asked.
type counted struct {
	*pgxpool.Pool

	queries atomic.Int64
	fault   atomic.Pointer[error]
}

func (c *counted) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	c.queries.Add(1)
	if fault := c.fault.Load(); fault != nil {
		return nil, *fault
	}
	return c.Pool.Query(ctx, sql, args...) //nolint:rowserrcheck // who asked does
}

// clock is a time that a test sets.
type clock struct{ at atomic.Int64 }

func (c *clock) now() time.Time          { return time.Unix(0, c.at.Load()) }
func (c *clock) advance(d time.Duration) { c.at.Add(int64(d)) }

func open(tb testing.TB, keys *erasure.Keys, events ...contrail.Recorded) []contrail.Recorded {
	tb.Helper()
	opened := slices.Clone(events)
	require.NoError(tb, keys.Open(tb.Context(), opened))
	return opened
}

func TestKeysOpenManyWithOneQuery(t *testing.T) {
	t.Parallel()
	pool, ring := pgtest.New(t), keyring(t, "2026-11")
	db := &counted{Pool: pool}
	keys := newKeys(t, db, ring, erasure.Config{})
	found := keysFor(t, pool, ring, "ada", "bob", "eve")
	plain := contrail.Recorded{Data: []byte(`{}`), Metadata: contrail.Metadata{}}
	events := []contrail.Recorded{
		contact(found["ada"], "1", `1`), plain, contact(found["bob"], "2", `2`), contact(found["ada"], "1", `3`), contact(found["eve"], "3", `4`),
	}
	_, err := erase(t.Context(), pool, newKeys(t, pool, nil, erasure.Config{}), "eve")
	require.NoError(t, err)

	opened := open(t, keys, events...)
	require.EqualValues(t, 1, db.queries.Load())
	for i, data := range []string{`1`, `{}`, `2`, `3`, `null`} {
		require.Equal(t, data, string(opened[i].Data))
		require.False(t, opened[i].Sealed)
		require.Equal(t, i == 4, opened[i].Erased)
	}
	require.Equal(t, opened, open(t, keys, opened...), "what is open stays so")
	open(t, keys, events[:4]...)
	require.EqualValues(t, 1, db.queries.Load(), "from the cache")
	open(t, keys, events[4])
	require.EqualValues(t, 2, db.queries.Load(), "that there is none is not cached")
	open(t, keys)
	require.EqualValues(t, 2, db.queries.Load())
}

// What another process has erased is readable here for CacheTTL, and not a moment longer.
func TestCachedKeysExpire(t *testing.T) {
	t.Parallel()
	pool, ring, at := pgtest.New(t), keyring(t, "2026-11"), &clock{}
	here, there := newKeys(t, pool, ring, erasure.Config{}), newKeys(t, pool, nil, erasure.Config{})
	strict := newKeys(t, pool, ring, erasure.Config{CacheTTL: -1})
	here.SetClock(at.now)
	event := contact(keysFor(t, pool, ring, "ada")["ada"], "1", name)
	require.False(t, open(t, here, event)[0].Erased)
	require.False(t, open(t, strict, event)[0].Erased)
	require.Zero(t, strict.Cached())
	at.advance(erasure.DefaultCacheTTL / 2)
	require.False(t, open(t, here, event)[0].Erased) // being used does not prolong it

	_, err := erase(t.Context(), pool, there, "ada")
	require.NoError(t, err)
	require.True(t, open(t, strict, event)[0].Erased)
	at.advance(erasure.DefaultCacheTTL/2 - 1)
	require.False(t, open(t, here, event)[0].Erased)
	at.advance(1)
	require.True(t, open(t, here, event)[0].Erased)
	require.Zero(t, here.Cached())
}

// The process that erases stops reading with the commit, even if it read in between.
func TestErasingProcessForgetsAtOnce(t *testing.T) {
	t.Parallel()
	pool, ring, at := pgtest.New(t), keyring(t, "2026-11"), &clock{}
	keys := newKeys(t, pool, ring, erasure.Config{})
	keys.SetClock(at.now)
	event := contact(keysFor(t, pool, ring, "ada")["ada"], "1", name)
	open(t, keys, event)
	tx := begin(t, pool)
	_, err := keys.Erase(t.Context(), tx, "ada")
	require.NoError(t, err)
	require.False(t, open(t, keys, event)[0].Erased, "it is not committed")
	require.NoError(t, tx.Commit(t.Context()))
	require.True(t, open(t, keys, event)[0].Erased)
	at.advance(erasure.DefaultCacheTTL)
	require.True(t, open(t, keys, event)[0].Erased)
	require.Zero(t, keys.Cached())
}

// An erasing that is rolled back and tried again has its full time.
func TestErasingAgainForgetsAtOnce(t *testing.T) {
	t.Parallel()
	pool, ring, at := pgtest.New(t), keyring(t, "2026-11"), &clock{}
	keys := newKeys(t, pool, ring, erasure.Config{})
	keys.SetClock(at.now)
	event := contact(keysFor(t, pool, ring, "ada")["ada"], "1", name)
	tx := begin(t, pool)
	_, err := keys.Erase(t.Context(), tx, "ada")
	require.NoError(t, err)
	require.NoError(t, tx.Rollback(t.Context()))
	at.advance(erasure.DefaultCacheTTL - 1)
	tx = begin(t, pool)
	_, err = keys.Erase(t.Context(), tx, "ada")
	require.NoError(t, err)
	at.advance(2)
	require.False(t, open(t, keys, event)[0].Erased, "it is not committed")
	require.NoError(t, tx.Commit(t.Context()))
	require.True(t, open(t, keys, event)[0].Erased)
}

func TestCacheHasABound(t *testing.T) {
	t.Parallel()
	pool, ring := pgtest.New(t), keyring(t, "2026-11")
	db := &counted{Pool: pool}
	keys := newKeys(t, db, ring, erasure.Config{CacheSize: 2})
	found := keysFor(t, pool, ring, "ada", "bob", "eve")
	ada, bob, eve := contact(found["ada"], "1", `1`), contact(found["bob"], "2", `2`), contact(found["eve"], "3", `3`)
	open(t, keys, ada, bob)
	open(t, keys, ada)
	open(t, keys, eve) // bob was not used for longest
	require.Equal(t, 2, keys.Cached())
	require.EqualValues(t, 2, db.queries.Load())
	open(t, keys, ada, eve)
	require.EqualValues(t, 2, db.queries.Load())
	open(t, keys, bob)
	require.EqualValues(t, 3, db.queries.Load())
	for _, event := range open(t, keys, ada, bob, eve) { // more at once than there is room for
		require.False(t, event.Erased)
	}
}

func TestKeysOpenErrors(t *testing.T) {
	t.Parallel()
	pool, ring := pgtest.New(t), keyring(t, "2026-11")
	found := keysFor(t, pool, ring, "ada", "bob")
	ada, bob := contact(found["ada"], "1", `1`), contact(found["bob"], "2", `2`)
	bob.Type = "ContactArchived"
	events := []contrail.Recorded{ada, bob}
	err := newKeys(t, pool, ring, erasure.Config{}).Open(t.Context(), events)
	requireCorrupt(t, err, bob, "another event")
	require.Equal(t, []contrail.Recorded{ada, bob}, events, "nothing is changed")

	err = newKeys(t, pool, keyring(t, "2027"), erasure.Config{}).Open(t.Context(), events)
	require.ErrorIs(t, err, erasure.ErrNoKEK)
	require.False(t, contrail.IsPermanent(err))
	_, err = pool.Exec(t.Context(), `UPDATE contrail.keys SET wrapped = 'x' WHERE subject = 'ada'`)
	require.NoError(t, err)
	requireCorrupt(t, newKeys(t, pool, ring, erasure.Config{}).Open(t.Context(), events), ada, "not a compact JWE")

	db := &counted{Pool: pool}
	fault := errors.New("the database is on fire")
	db.fault.Store(&fault)
	err = newKeys(t, db, ring, erasure.Config{}).Open(t.Context(), events)
	require.ErrorIs(t, err, fault)
	require.False(t, contrail.IsPermanent(err))

	_, err = erasure.NewKeys(nil, nil, erasure.Config{CacheSize: -1})
	require.ErrorContains(t, err, "the database is nil")
	require.ErrorContains(t, err, "CacheSize is -1")
}

// Many read while one after the other is erased: never an error, and whoever is erased stays so.
func TestKeysAreSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	pool, ring := pgtest.New(t), keyring(t, "2026-11")
	keys := newKeys(t, pool, ring, erasure.Config{CacheSize: 3})
	subjects := []string{"a", "b", "c", "d", "e"}
	var events []contrail.Recorded
	for n, key := range keysFor(t, pool, ring, subjects...) {
		events = append(events, contact(key, n, name))
	}
	var erased atomic.Int64
	var group sync.WaitGroup
	failures := make(chan error, 100)
	for range 4 {
		group.Go(func() {
			for before := int64(0); before < int64(len(subjects)); {
				before = erased.Load()
				opened, found := slices.Clone(events), int64(0)
				if err := keys.Open(context.Background(), opened); err != nil {
					failures <- err
					return
				}
				for _, event := range opened {
					if event.Erased {
						found++
					}
				}
				if found < before {
					failures <- errors.New("what is erased was read")
					return
				}
			}
		})
	}
	for _, subject := range subjects {
		_, err := erase(t.Context(), pool, keys, subject)
		require.NoError(t, err)
		erased.Add(1)
	}
	group.Wait()
	close(failures)
	for err := range failures {
		require.NoError(t, err)
	}
}
