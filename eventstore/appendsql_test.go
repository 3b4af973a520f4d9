package eventstore_test

import (
	"database/sql"
	"encoding/json"
	"testing"

	"github.com/google/uuid"
	_ "github.com/jackc/pgx/v5/stdlib"
	_ "github.com/lib/pq"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/pgtest"
)

// AppendSQL does what Append does, with either driver: what comes back, what is refused, and what state the transaction is left in.
func TestAppendSQL(t *testing.T) {
	t.Parallel()
	for _, driver := range []string{"pgx", "postgres"} {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			db, err := sql.Open(driver, pgtest.NewURL(t))
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, db.Close()) })
			appendAndConflict(t, db)
			refusals(t, db)
		})
	}
}

func beginSQL(tb testing.TB, db *sql.DB) *sql.Tx {
	tb.Helper()
	tx, err := db.BeginTx(tb.Context(), nil)
	require.NoError(tb, err)
	return tx
}

func appendAndConflict(t *testing.T, db *sql.DB) {
	t.Helper()
	store, ctx, tx := newStore(t), t.Context(), beginSQL(t, db)
	first, second := happened("A"), happened("B")
	first.ID, second.ID = uuid.New(), uuid.New()
	second.Metadata = contrail.Metadata{"tenant_id": "acme"}
	recorded, err := store.AppendSQL(ctx, tx, invoice42, eventstore.NoStream, first, second)
	require.NoError(t, err)
	require.Len(t, recorded, 2)
	require.EqualValues(t, 2, recorded[1].Version)
	require.Equal(t, recorded[0].Position+1, recorded[1].Position)
	require.False(t, recorded[1].RecordedAt.IsZero())

	_, err = store.AppendSQL(ctx, tx, invoice42, eventstore.Exactly(1), happened("C"))
	var conflict *eventstore.ConflictError
	require.ErrorAs(t, err, &conflict)
	require.EqualValues(t, 2, conflict.Actual)
	_, err = store.AppendSQL(ctx, tx, contrail.NewStreamID("invoice", "43"), eventstore.Any, first)
	var duplicate *eventstore.DuplicateError
	require.ErrorAs(t, err, &duplicate)
	require.Equal(t, eventstore.DuplicateError{ID: first.ID, Stream: invoice42, Version: 1, Position: recorded[0].Position}, *duplicate)
	again, err := store.AppendSQL(ctx, tx, invoice42, eventstore.NoStream, first, second)
	require.NoError(t, err, "the transaction is still good")
	requireSame(t, recorded, again)
	require.NoError(t, tx.Commit())

	var events int
	require.NoError(t, db.QueryRowContext(ctx, `SELECT count(*) FROM contrail.events WHERE metadata = '{}' OR metadata->>'tenant_id' = 'acme'`).Scan(&events))
	require.Equal(t, 2, events)
}

func refusals(t *testing.T, db *sql.DB) {
	t.Helper()
	store, ctx := newStore(t), t.Context()
	_, err := store.AppendSQL(ctx, nil, invoice42, eventstore.Any, happened("A"))
	require.ErrorIs(t, err, eventstore.ErrTransactionAborted)

	tx := beginSQL(t, db)
	nul := happened("A")
	nul.Data = json.RawMessage(`"\u0000"`)
	_, err = store.AppendSQL(ctx, tx, invoice42, eventstore.Any, nul)
	require.ErrorIs(t, err, contrail.ErrInvalid)
	_, err = tx.ExecContext(ctx, `SELECT 1`)
	require.NoError(t, err, "the transaction is still good: the database was not asked")
	_, err = tx.ExecContext(ctx, `SELECT 1/0`)
	require.Error(t, err)
	_, err = store.AppendSQL(ctx, tx, invoice42, eventstore.Any, happened("A"))
	require.ErrorIs(t, err, eventstore.ErrTransactionAborted, "the database has aborted it")
	require.NoError(t, tx.Rollback())
	_, err = store.AppendSQL(ctx, tx, invoice42, eventstore.Any, happened("A"))
	require.ErrorIs(t, err, eventstore.ErrTransactionAborted)

	twice := happened("A")
	twice.ID = uuid.New()
	tx = beginSQL(t, db)
	_, err = store.AppendSQL(ctx, tx, contrail.NewStreamID("invoice", "44"), eventstore.Any, twice, twice)
	var duplicate *eventstore.DuplicateError
	require.ErrorAs(t, err, &duplicate)
	require.NoError(t, tx.Rollback())
}
