package eventstore_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/pgtest"
)

// A transaction that keeps one snapshot for all its statements loses events even in two of them, the horizon first. Ours refuse it.
func TestReadersRefuseATransactionWithOneSnapshot(t *testing.T) {
	t.Parallel()
	for _, level := range []pgx.TxIsoLevel{pgx.RepeatableRead, pgx.Serializable} {
		t.Run(string(level), func(t *testing.T) {
			t.Parallel()
			pool := pgtest.New(t)
			ctx := t.Context()
			conn := connect(t, pool)
			tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: level})
			require.NoError(t, err)
			defer func() { _ = tx.Rollback(ctx) }()
			_, err = tx.Exec(ctx, `SELECT count(*) FROM contrail.events`)
			require.NoError(t, err)
			_, err = appendNow(ctx, pool, invoice42, eventstore.NoStream, happened("A"))
			require.NoError(t, err)

			var horizon contrail.Position
			require.NoError(t, tx.QueryRow(ctx, `SELECT contrail.horizon()`).Scan(&horizon))
			require.EqualValues(t, 1, horizon)
			lost, err := positions(ctx, tx, `SELECT position FROM contrail.events WHERE position <= $1`, horizon)
			require.NoError(t, err)
			require.Empty(t, lost, "position 1 is settled and is not there: this is why")

			_, err = eventstore.Horizon(ctx, tx)
			require.ErrorIs(t, err, eventstore.ErrIsolation)
			for _, query := range []eventstore.Query{{}, {Backwards: true}, {Category: "invoice"}, {Stream: invoice42}} {
				_, err = drain(newStore(t).Read(ctx, tx, query))
				require.ErrorIs(t, err, eventstore.ErrIsolation, "%+v", query)
			}
			_, err = drain(newStore(t).Read(ctx, conn, eventstore.Query{}))
			require.ErrorIs(t, err, eventstore.ErrIsolation, "the connection that the transaction is on")
			_, err = newFeed(t, conn, eventstore.FeedConfig{}).Next(ctx)
			require.ErrorIs(t, err, eventstore.ErrIsolation, "a feed on it")

			require.NoError(t, tx.Rollback(ctx), "a refusal does not cost the connection")
			found, err := newFeed(t, conn, eventstore.FeedConfig{}).Next(ctx)
			require.NoError(t, err)
			require.Len(t, found, 1)
		})
	}
}
