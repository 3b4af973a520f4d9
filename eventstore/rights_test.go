package eventstore_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/pgtest"
)

// The rights that docs/operations.md names are enough to append.
func TestRightsThatAppend(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	role := "appender_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	for _, statement := range []string{
		`CREATE ROLE ` + role, `GRANT USAGE ON SCHEMA contrail TO ` + role, `GRANT SELECT, INSERT ON contrail.events TO ` + role,
		`GRANT SELECT ON SEQUENCE contrail.events_position_seq TO ` + role,
	} {
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
	defer theirs.Close()
	_, err = appendNow(t.Context(), theirs, invoice42, eventstore.NoStream, happened("A"), happened("B"))
	require.NoError(t, err)
	require.Len(t, load(t, theirs, invoice42, 0), 2)
	_, err = theirs.Exec(t.Context(), `DELETE FROM contrail.events`)
	require.Error(t, err)
	_, err = pool.Exec(t.Context(), `DROP OWNED BY `+role+`; DROP ROLE `+role, pgx.QueryExecModeSimpleProtocol)
	require.NoError(t, err)
}
