package command_test

import (
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/eventstore/command"
	"github.com/contrail-events/contrail/internal/pgtest"
)

func TestCallersTransactionDecides(t *testing.T) {
	t.Parallel()
	pool, ctx := pgtest.New(t), t.Context()
	for id, config := range map[string]command.Config{"plain": {}, "kept": {Snapshots: command.Every(1)}} {
		handler := newHandler(t, config)
		handle(t, handler, pool, id, open("Leonie"))
		enough := errors.New("enough")
		for _, end := range []error{enough, nil} {
			err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
				for n := int64(1); n <= 3; n++ { // each sees what the one before has done
					result, err := handler.HandleTx(ctx, tx, id, move(n))
					require.NoError(t, err)
					require.Equal(t, n*(n+1)/2, result.State.Balance)
				}
				state, version, err := handler.Load(ctx, tx, id)
				require.NoError(t, err)
				require.Equal(t, int64(6), state.Balance)
				require.Equal(t, int64(4), version)
				return end
			})
			require.ErrorIs(t, err, end)
			state, version, err := handler.Load(ctx, pool, id)
			require.NoError(t, err)
			expected, expectedVersion := replay(t, pool, id)
			require.Equal(t, expected, state)
			require.Equal(t, expectedVersion, version)
			if end != nil {
				require.Equal(t, int64(1), version)
			}
		}
		_, version := replay(t, pool, id)
		require.Equal(t, int64(4), version)
	}
}

func TestTransactionIsGoodAfterARefusalAndAConflict(t *testing.T) {
	t.Parallel()
	pool, ctx := pgtest.New(t), t.Context()
	handler := newHandler(t, command.Config{})
	err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		_, err := handler.HandleTx(ctx, tx, "42", move(-1))
		require.ErrorIs(t, err, errOverdrawn)
		_, err = handler.HandleTx(ctx, tx, "42", move(1), command.AtVersion(7))
		require.ErrorIs(t, err, contrail.ErrConflict)
		_, err = handler.HandleTx(ctx, tx, "42", move(1))
		return err
	})
	require.NoError(t, err)
	_, version := replay(t, pool, "42")
	require.Equal(t, int64(1), version)
}

func TestTransactionThatIsAbortedOrOver(t *testing.T) {
	t.Parallel()
	pool, ctx := pgtest.New(t), t.Context()
	for _, config := range []command.Config{{}, {Snapshots: command.Every(1)}} {
		handler := newHandler(t, config)
		tx, err := pool.Begin(ctx)
		require.NoError(t, err)
		_, err = tx.Exec(ctx, `SELECT 1/0`)
		require.Error(t, err)
		_, err = handler.HandleTx(ctx, tx, "42", move(1))
		require.ErrorIs(t, err, eventstore.ErrTransactionAborted)
		require.NoError(t, tx.Rollback(ctx))
		_, err = handler.HandleTx(ctx, tx, "42", move(1))
		require.ErrorIs(t, err, eventstore.ErrTransactionAborted)
	}
}

func TestPanicLeavesNoTransactionOpen(t *testing.T) {
	t.Parallel()
	pool, ctx := pgtest.New(t), t.Context()
	handle(t, newHandler(t, command.Config{}), pool, "42", move(1))
	for place, arm := range map[string]func(*command.Decider[account, accountCommand, accountEvent]){
		"decide": func(d *command.Decider[account, accountCommand, accountEvent]) {
			d.Decide = func(account, accountCommand) ([]accountEvent, error) { panic("decide") }
		},
		"evolve": func(d *command.Decider[account, accountCommand, accountEvent]) {
			d.Evolve = func(account, accountEvent) account { panic("evolve") }
		},
		"decode": func(d *command.Decider[account, accountCommand, accountEvent]) {
			d.Decode = func(contrail.Recorded) ([]accountEvent, error) { panic("decode") }
		},
		"encode": func(d *command.Decider[account, accountCommand, accountEvent]) {
			d.Encode = func(accountEvent) (contrail.Event, error) { panic("encode") }
		},
	} {
		decider := accounts()
		arm(&decider)
		handler, err := command.New(newStore(t), decider, command.Config{})
		require.NoError(t, err)
		require.PanicsWithValue(t, place, func() { _, _ = handler.Handle(ctx, pool, "42", move(1)) })
		require.Zero(t, pool.Stat().AcquiredConns(), place)
		require.PanicsWithValue(t, place, func() {
			_ = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
				_, err := handler.HandleTx(ctx, tx, "42", move(1))
				return err
			})
		})
		require.Zero(t, pool.Stat().AcquiredConns(), place)
	}
	_, version := replay(t, pool, "42")
	require.Equal(t, int64(1), version)
}

// A connection serves as well as a pool.
func TestHandleOnAConnection(t *testing.T) {
	t.Parallel()
	conn, err := pgx.Connect(t.Context(), pgtest.NewURL(t))
	require.NoError(t, err)
	defer func() { _ = conn.Close(t.Context()) }()
	handler := newHandler(t, command.Config{Snapshots: command.Every(1)})
	for version := int64(1); version < 4; version++ {
		result, err := handler.Handle(t.Context(), conn, "42", move(1))
		require.NoError(t, err)
		require.Equal(t, version, result.Version)
	}
}

// Poolers of transactions want no prepared statements.
func TestEveryQueryModeServes(t *testing.T) {
	t.Parallel()
	for _, mode := range []pgx.QueryExecMode{
		pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe, pgx.QueryExecModeDescribeExec, pgx.QueryExecModeExec,
		pgx.QueryExecModeSimpleProtocol,
	} {
		t.Run(mode.String(), func(t *testing.T) {
			t.Parallel()
			config, err := pgx.ParseConfig(pgtest.NewURL(t))
			require.NoError(t, err)
			config.DefaultQueryExecMode = mode
			conn, err := pgx.ConnectConfig(t.Context(), config)
			require.NoError(t, err)
			defer func() { _ = conn.Close(t.Context()) }()
			handler := newHandler(t, command.Config{Snapshots: command.Every(2), Logger: failingLogger(t)})
			for range 5 {
				_, err := handler.Handle(t.Context(), conn, "42", move(1))
				require.NoError(t, err)
			}
			var version int64
			require.NoError(t, conn.QueryRow(t.Context(), `SELECT version FROM contrail.snapshots`).Scan(&version))
			require.Equal(t, int64(4), version)
			state, _, err := handler.Load(t.Context(), conn, "42")
			require.NoError(t, err)
			require.Equal(t, int64(5), state.Balance)
		})
	}
}
