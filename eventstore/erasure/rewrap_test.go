package erasure_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore/erasure"
	"github.com/contrail-events/contrail/internal/pgtest"
)

func TestRewrap(t *testing.T) {
	t.Parallel()
	pool, old, both := pgtest.New(t), keyring(t, "2025"), keyring(t, "2026", "2025")
	var events []contrail.Recorded
	for n, key := range keysFor(t, pool, old, "1", "2", "3", "4", "5", "6", "7") {
		events = append(events, sealsAndOpens(t, pool, old, key, n))
	}
	keysFor(t, pool, both, "new-1", "new-2")
	keys := newKeys(t, pool, both, erasure.Config{})
	done, err := keys.Rewrap(t.Context(), 2)
	require.NoError(t, err)
	require.Equal(t, erasure.Rewrapped{Changed: 7, Current: 2}, done)
	done, err = keys.Rewrap(t.Context(), 0)
	require.NoError(t, err)
	require.Equal(t, erasure.Rewrapped{Current: 9}, done)
	for _, event := range events {
		opened, err := keyring(t, "2026").Open(event, wrappedOf(t, pool, event.ID))
		require.NoError(t, err)
		require.JSONEq(t, name, string(opened.Data))
	}
	_, err = keys.Rewrap(t.Context(), -1)
	require.ErrorContains(t, err, "must not be negative")
}

func TestRewrapLeavesWhatItCannotUnwrap(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	keysFor(t, pool, keyring(t, "2024"), "a", "b")
	keysFor(t, pool, keyring(t, "2025"), "c")
	keysFor(t, pool, keyring(t, "2026"), "d")
	_, err := pool.Exec(t.Context(), `INSERT INTO contrail.keys (id, subject, wrapped) VALUES ('zzz', 'e', 'x')`)
	require.NoError(t, err)
	keys := newKeys(t, pool, keyring(t, "2026", "2025"), erasure.Config{})
	for range 2 {
		done, err := keys.Rewrap(t.Context(), 2)
		require.ErrorContains(t, err, `rewrap keys: 3 can't be unwrapped; the first: key `)
		require.ErrorIs(t, err, erasure.ErrNoKEK)
		require.Equal(t, 3, done.Failed)
		require.Equal(t, 2, done.Changed+done.Current)
	}
	require.Equal(t, 2, value[int](t, pool, `SELECT count(*) FROM contrail.keys WHERE subject IN ('c', 'd') AND wrapped <> 'x'`))
}

// Appending does not wait for a batch, and a batch not for who appends.
func TestRewrapBesideAppends(t *testing.T) {
	t.Parallel()
	pool, ring := pgtest.New(t), keyring(t, "2025")
	keysFor(t, pool, ring, "ada")
	tx := begin(t, pool)
	_, err := ring.KeysFor([]string{"ada"}, pgxQuery(t.Context(), tx))
	require.NoError(t, err)
	done, err := newKeys(t, pool, keyring(t, "2026", "2025"), erasure.Config{}).Rewrap(t.Context(), 0)
	require.NoError(t, err)
	require.Equal(t, 1, done.Changed)
	require.NoError(t, tx.Commit(t.Context()))

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	done, err = newKeys(t, pool, keyring(t, "2027", "2026"), erasure.Config{}).Rewrap(ended, 0)
	require.ErrorIs(t, err, context.Canceled)
	require.Zero(t, done)
}

func TestSubjects(t *testing.T) {
	t.Parallel()
	pool, ring := pgtest.New(t), keyring(t, "2025")
	keys := newKeys(t, pool, nil, erasure.Config{})
	for range keys.Subjects(t.Context()) { //nolint:errcheck // there is nothing
		require.Fail(t, "there is none")
	}
	found := keysFor(t, pool, ring, "bob", "ada", "Ülo")
	_, err := pool.Exec(t.Context(), `INSERT INTO contrail.keys (subject, wrapped) SELECT 'more-' || n, 'x' FROM generate_series(1, $1::int) AS n`,
		2*erasure.SubjectsPage)
	require.NoError(t, err)
	seen := map[string]erasure.Subject{}
	for subject, err := range keys.Subjects(t.Context()) {
		require.NoError(t, err)
		require.NotContains(t, seen, subject.Name)
		seen[subject.Name] = subject
	}
	require.Len(t, seen, 2*erasure.SubjectsPage+3)
	for _, subject := range []string{"ada", "bob", "Ülo"} {
		require.Equal(t, found[subject].ID(), seen[subject].KeyID)
		require.Equal(t, "2025", seen[subject].KEK)
		require.False(t, seen[subject].CreatedAt.IsZero())
	}
	require.Empty(t, seen["more-1"].KEK)
	for _, err := range keys.Subjects(t.Context()) { // a loop may end early, and use the pool meanwhile
		require.NoError(t, err)
		require.Equal(t, 1, value[int](t, pool, `SELECT 1`))
		break
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range keys.Subjects(ended) {
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorContains(t, err, "list data subjects")
	}
}
