package erasure_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/eventstore/erasure"
	"github.com/contrail-events/contrail/internal/pgtest"
)

// role runs what it does with the given rights and no more.
func role(t *testing.T, pool *pgxpool.Pool, rights ...string) *pgxpool.Pool {
	t.Helper()
	role := "keys_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	statements := []string{`CREATE ROLE ` + role, `GRANT USAGE ON SCHEMA contrail TO ` + role}
	for _, right := range rights {
		statements = append(statements, `GRANT `+right+` TO `+role)
	}
	for _, statement := range statements {
		_, err := pool.Exec(t.Context(), statement)
		require.NoError(t, err)
	}
	config := pool.Config()
	config.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, `SET ROLE `+role)
		return err
	}
	theirs, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(func() {
		theirs.Close()
		_, err := pool.Exec(context.Background(), `DROP OWNED BY `+role+`; DROP ROLE `+role, pgx.QueryExecModeSimpleProtocol)
		require.NoError(t, err)
	})
	return theirs
}

func TestRightsThatSeal(t *testing.T) {
	t.Parallel()
	pool, ring := pgtest.New(t), keyring(t, "2026-11")
	theirs := role(t, pool, `SELECT, INSERT, UPDATE (created_at) ON contrail.keys`)
	made, found := keysFor(t, theirs, ring, "contact-1"), keysFor(t, theirs, ring, "contact-1")
	require.Equal(t, made["contact-1"].ID(), found["contact-1"].ID())
	for _, statement := range []string{
		`DELETE FROM contrail.keys`, `UPDATE contrail.keys SET wrapped = ''`, `UPDATE contrail.keys SET id = ''`, `TRUNCATE contrail.keys`,
	} {
		_, err := theirs.Exec(t.Context(), statement)
		require.ErrorContains(t, err, "permission denied", statement)
	}
}

func TestRightsThatErase(t *testing.T) {
	t.Parallel()
	pool, ring := pgtest.New(t), keyring(t, "2026-11")
	key := keysFor(t, pool, ring, "contact-1")["contact-1"]
	snapshot(t, pool, "contact-1", key.ID())
	theirs := role(t, pool, `SELECT (subject, id), DELETE ON contrail.keys`)
	erased, err := erase(t.Context(), theirs, newKeys(t, theirs, nil, erasure.Config{}), "contact-1")
	require.NoError(t, err)
	require.True(t, erased)
	require.Zero(t, value[int](t, pool, `SELECT count(*) FROM contrail.snapshots`), "without any right on the snapshots")
}

func TestRightsThatTakeSnapshots(t *testing.T) {
	t.Parallel()
	pool, ring := pgtest.New(t), keyring(t, "2026-11")
	key := keysFor(t, pool, ring, "contact-1")["contact-1"]
	theirs := role(t, pool, `SELECT, INSERT, UPDATE ON contrail.snapshots`)
	require.Equal(t, 1, snapshot(t, theirs, "contact-1", key.ID()), "without any right on the keys")
}
