package invoicing_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/domain"
	"github.com/contrail-events/contrail/internal/invoicing"
	"github.com/contrail-events/contrail/internal/pgtest"
)

var (
	one   = contrail.NewStreamID("test", "1")
	two   = contrail.NewStreamID("test", "2")
	event = contrail.Event{Type: "Counted", Data: json.RawMessage(`{}`)}
)

func newTransactor(t *testing.T, pool *pgxpool.Pool) *invoicing.Transactor {
	t.Helper()
	transactor, err := invoicing.NewTransactor(pool, invoicing.TransactorConfig{})
	require.NoError(t, err)
	return transactor
}

func TestVersionsAreExpected(t *testing.T) {
	t.Parallel()
	transactor := newTransactor(t, pgtest.New(t))
	attempt := func(version int64) error {
		return transactor.InTx(t.Context(), func(ctx context.Context, tx domain.Tx) error {
			_, err := tx.Append(ctx, one, version, event, event)
			return err
		})
	}
	require.ErrorIs(t, attempt(1), contrail.ErrConflict)
	require.NoError(t, attempt(0))
	require.ErrorIs(t, attempt(0), contrail.ErrConflict)
	require.ErrorIs(t, attempt(1), contrail.ErrConflict)
	require.NoError(t, attempt(2))
}

func TestRollbackLeavesNothing(t *testing.T) {
	t.Parallel()
	pool, failed := pgtest.New(t), errors.New("no")
	err := newTransactor(t, pool).InTx(t.Context(), func(ctx context.Context, tx domain.Tx) error {
		_, err := tx.Append(ctx, one, 0, event)
		return errors.Join(err, failed)
	})
	require.ErrorIs(t, err, failed)
	require.NotErrorIs(t, err, contrail.ErrConflict)
	require.Empty(t, recorded(t, pool))
}

// A stream may be asked for while another one is walked, and a walk may be broken off.
func TestLoadLeavesTheTransactionFree(t *testing.T) {
	t.Parallel()
	err := newTransactor(t, pgtest.New(t)).InTx(t.Context(), func(ctx context.Context, tx domain.Tx) error {
		_, err := tx.Append(ctx, one, 0, event, event)
		require.NoError(t, err)
		versions := 0
		for outer, err := range tx.Load(ctx, one) {
			require.NoError(t, err)
			for inner, err := range tx.Load(ctx, one) {
				require.NoError(t, err)
				require.EqualValues(t, 1, inner.Version)
				break
			}
			_, err = tx.Append(ctx, two, outer.Version-1, event)
			require.NoError(t, err)
			versions++
		}
		require.Equal(t, 2, versions)
		return nil
	})
	require.NoError(t, err)
}

func TestLoadFailsAsTheLastYield(t *testing.T) {
	t.Parallel()
	err := newTransactor(t, pgtest.New(t)).InTx(t.Context(), func(ctx context.Context, tx domain.Tx) error {
		yields := 0
		var failure error
		for _, err := range tx.Load(ctx, contrail.StreamID{}) {
			failure = err
			yields++
		}
		require.Equal(t, 1, yields)
		return failure
	})
	require.ErrorIs(t, err, contrail.ErrInvalid)
}

// Two serializable transactions read what the other one writes: PostgreSQL lets the second one fail as late as at its commit.
func TestSerializationFailureAtCommitIsAConflict(t *testing.T) {
	t.Parallel()
	config, err := pgxpool.ParseConfig(pgtest.NewURL(t))
	require.NoError(t, err)
	config.ConnConfig.RuntimeParams["default_transaction_isolation"] = "serializable"
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	transactor := newTransactor(t, pool)
	read := func(ctx context.Context, tx domain.Tx, stream contrail.StreamID) {
		for _, err := range tx.Load(ctx, stream) {
			require.NoError(t, err)
		}
	}
	err = transactor.InTx(t.Context(), func(ctx context.Context, tx domain.Tx) error {
		read(ctx, tx, two)
		_, err := tx.Append(ctx, one, 0, event)
		require.NoError(t, err)
		return transactor.InTx(ctx, func(ctx context.Context, tx domain.Tx) error {
			read(ctx, tx, one)
			_, err := tx.Append(ctx, two, 0, event)
			return err
		})
	})
	require.ErrorIs(t, err, contrail.ErrConflict)
	require.ErrorContains(t, err, "SQLSTATE 40001")
}
