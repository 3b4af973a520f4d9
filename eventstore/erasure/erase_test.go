package erasure_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore/erasure"
	"github.com/contrail-events/contrail/internal/pgtest"
)

const snapshotSQL = `INSERT INTO contrail.snapshots (stream, name, schema, version, event_id, state, key_ids)
VALUES ($1, 'test', 1, 1, gen_random_uuid(), '{}', coalesce($2::text[], '{}'))
ON CONFLICT (stream, name) DO UPDATE SET version = contrail.snapshots.version + 1`

// snapshot writes one that was made of what keys had encrypted, and returns how many were written.
func snapshot(tb testing.TB, pool *pgxpool.Pool, stream string, keys ...string) int {
	tb.Helper()
	tag, err := pool.Exec(tb.Context(), snapshotSQL, stream, keys)
	require.NoError(tb, err)
	return int(tag.RowsAffected())
}

func TestErase(t *testing.T) {
	t.Parallel()
	pool, ring := pgtest.New(t), keyring(t, "2026-11")
	keys := newKeys(t, pool, ring, erasure.Config{})
	found := keysFor(t, pool, ring, "contact-1", "contact-2")
	ada, bob := sealsAndOpens(t, pool, ring, found["contact-1"], "1"), sealsAndOpens(t, pool, ring, found["contact-2"], "2")

	tx := begin(t, pool)
	erased, err := keys.Erase(t.Context(), tx, "contact-1")
	require.NoError(t, err)
	require.True(t, erased)
	require.NoError(t, tx.Rollback(t.Context()))
	require.NotNil(t, wrappedOf(t, pool, ada.ID), "it goes with the caller's transaction")

	erased, err = erase(t.Context(), pool, keys, "contact-1")
	require.NoError(t, err)
	require.True(t, erased)
	gone, err := ring.Open(ada, wrappedOf(t, pool, ada.ID))
	require.NoError(t, err)
	require.True(t, gone.Erased)
	require.Equal(t, "null", string(gone.Data))
	there, err := ring.Open(bob, wrappedOf(t, pool, bob.ID))
	require.NoError(t, err)
	require.JSONEq(t, name, string(there.Data), "nobody else's")

	erased, err = erase(t.Context(), pool, keys, "contact-1")
	require.NoError(t, err)
	require.False(t, erased, "there is none any more")
	_, err = erase(t.Context(), pool, keys, "")
	require.ErrorIs(t, err, contrail.ErrInvalid)
	_, err = keys.Erase(t.Context(), nil, "contact-1")
	require.ErrorContains(t, err, "erase contact-1: the transaction is nil")
}

func TestErasingTakesSnapshotsAlong(t *testing.T) {
	t.Parallel()
	pool, ring := pgtest.New(t), keyring(t, "2026-11")
	keys := newKeys(t, pool, ring, erasure.Config{})
	found := keysFor(t, pool, ring, "ada", "bob")
	ada, bob := found["ada"].ID(), found["bob"].ID()
	require.Equal(t, 1, snapshot(t, pool, "order-1", ada, bob))
	require.Equal(t, 1, snapshot(t, pool, "order-2", bob))
	require.Equal(t, 1, snapshot(t, pool, "order-3"))
	_, err := erase(t.Context(), pool, keys, "ada")
	require.NoError(t, err)
	streams := `SELECT coalesce(string_agg(stream, ' ' ORDER BY stream), '') FROM contrail.snapshots`
	require.Equal(t, "order-2 order-3", value[string](t, pool, streams))
	require.Zero(t, snapshot(t, pool, "order-1", ada, bob), "what is gone can't be kept either")
	require.Equal(t, "order-2 order-3", value[string](t, pool, streams))
	_, err = pool.Exec(t.Context(), `TRUNCATE contrail.keys`)
	require.NoError(t, err)
	require.Equal(t, "order-3", value[string](t, pool, streams))
}

// A snapshot is taken while the key is being deleted, and the other way around: it never survives.
func TestSnapshotsThatRaceWithTheErasing(t *testing.T) {
	t.Parallel()
	pool, ring := pgtest.New(t), keyring(t, "2026-11")
	keys := newKeys(t, pool, ring, erasure.Config{})
	key := keysFor(t, pool, ring, "ada")["ada"].ID()
	tx := begin(t, pool)
	_, err := keys.Erase(t.Context(), tx, "ada")
	require.NoError(t, err)
	written := make(chan error, 1)
	go func() { _, err := pool.Exec(t.Context(), snapshotSQL, "order-1", []string{key}); written <- err }()
	waiting(t, pool)
	require.NoError(t, tx.Commit(t.Context()))
	require.NoError(t, <-written)
	require.Zero(t, value[int](t, pool, `SELECT count(*) FROM contrail.snapshots`))

	key = keysFor(t, pool, ring, "ada")["ada"].ID()
	tx = begin(t, pool)
	_, err = tx.Exec(t.Context(), snapshotSQL, "order-1", []string{key})
	require.NoError(t, err)
	erased := make(chan error, 1)
	go func() { _, err := erase(t.Context(), pool, keys, "ada"); erased <- err }()
	waiting(t, pool)
	require.NoError(t, tx.Commit(t.Context()))
	require.NoError(t, <-erased)
	require.Zero(t, value[int](t, pool, `SELECT count(*) FROM contrail.snapshots`))
}

// The table keeps plain SQL from writing what could not be told from an erased event, or names nobody.
func TestTablesRefuseNonsense(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	for statement, constraint := range map[string]string{
		`INSERT INTO contrail.events (stream, version, type, data, metadata) VALUES ('a-1', 1, 'A', '{"name":"Ada"}', '{"key_id":"k"}')`: "events_sealed_valid",
		`INSERT INTO contrail.events (stream, version, type, data, metadata) VALUES ('a-1', 1, 'A', 'null', '{"key_id":"k"}')`:           "events_sealed_valid",
		`INSERT INTO contrail.keys (subject, wrapped) VALUES ('', 'x')`:                                                                  "keys_subject_valid",
		`INSERT INTO contrail.keys (subject, wrapped) VALUES (repeat('ü', 101), 'x')`:                                                    "keys_subject_valid",
	} {
		_, err := pool.Exec(t.Context(), statement)
		var refusal *pgconn.PgError
		require.ErrorAs(t, err, &refusal, statement)
		require.Equal(t, constraint, refusal.ConstraintName)
	}
	_, err := pool.Exec(t.Context(), `INSERT INTO contrail.events (stream, version, type, data, metadata) VALUES ('a-1', 1, 'A', '1', '{"tenant_id":"t"}')`)
	require.NoError(t, err)
}

// Erasing and appending the event that tells of it are one transaction.
func TestEraseBesideAnAppend(t *testing.T) {
	t.Parallel()
	pool, ring := pgtest.New(t), keyring(t, "2026-11")
	keys := newKeys(t, pool, ring, erasure.Config{})
	keysFor(t, pool, ring, "contact-1")
	require.NoError(t, pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
		if _, err := keys.Erase(t.Context(), tx, "contact-1"); err != nil {
			return err
		}
		_, err := tx.Exec(t.Context(), `INSERT INTO contrail.events (stream, version, type, data) VALUES ('contact-1', 1, 'ContactErased', '{}')`)
		return err
	}))
	require.Equal(t, 1, value[int](t, pool, `SELECT count(*) FROM contrail.events`))
	require.Zero(t, value[int](t, pool, `SELECT count(*) FROM contrail.keys`))
}

// A transaction that can't see what was taken since it began would leave it behind.
func TestEraseIsRefusedWhereItWouldLeaveSnapshots(t *testing.T) {
	t.Parallel()
	pool, ring := pgtest.New(t), keyring(t, "2026-11")
	keys := newKeys(t, pool, ring, erasure.Config{})
	key := keysFor(t, pool, ring, "contact-1")["contact-1"]
	for _, level := range []pgx.TxIsoLevel{pgx.RepeatableRead, pgx.Serializable} {
		tx, err := pool.BeginTx(t.Context(), pgx.TxOptions{IsoLevel: level})
		require.NoError(t, err)
		_, err = tx.Exec(t.Context(), `SELECT 1`)
		require.NoError(t, err)
		require.Equal(t, 1, snapshot(t, pool, "contact-1-"+string(level[0]), key.ID()))
		_, err = keys.Erase(t.Context(), tx, "contact-1")
		require.ErrorContains(t, err, "keys are deleted at READ COMMITTED only")
		require.NoError(t, tx.Rollback(t.Context()))
	}
	erased, err := erase(t.Context(), pool, keys, "contact-1")
	require.NoError(t, err)
	require.True(t, erased)
	var left int
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT count(*) FROM contrail.snapshots`).Scan(&left))
	require.Zero(t, left)
}
