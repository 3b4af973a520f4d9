package command_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/eventstore/command"
)

type accountHandler = command.Handler[account, accountCommand, accountEvent]

func newStore(tb testing.TB) *eventstore.Store {
	tb.Helper()
	store, err := eventstore.New(eventstore.Config{})
	require.NoError(tb, err)
	return store
}

func newHandler(tb testing.TB, config command.Config) *accountHandler {
	tb.Helper()
	return handlerOn(tb, newStore(tb), config)
}

func handlerOn(tb testing.TB, store command.Store, config command.Config) *accountHandler {
	tb.Helper()
	handler, err := command.New(store, accounts(), config)
	require.NoError(tb, err)
	return handler
}

// handle runs a command that must succeed.
func handle(tb testing.TB, handler *accountHandler, pool *pgxpool.Pool, id string, wanted accountCommand) command.Result[account] {
	tb.Helper()
	result, err := handler.Handle(tb.Context(), pool, id, wanted)
	require.NoError(tb, err)
	return result
}

// handleTx runs a command in a transaction of the test's.
func handleTx(
	ctx context.Context, handler *accountHandler, pool *pgxpool.Pool, id string, wanted accountCommand,
) (result command.Result[account], err error) {
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		result, err = handler.HandleTx(ctx, tx, id, wanted)
		return err
	})
	return result, err
}

// replay is the state without any snapshot.
func replay(tb testing.TB, pool *pgxpool.Pool, id string) (account, int64) {
	tb.Helper()
	state, version, err := newHandler(tb, command.Config{}).Load(tb.Context(), pool, id)
	require.NoError(tb, err)
	return state, version
}

// exec runs a statement of the test's own, and tells how many rows it was about.
func exec(tb testing.TB, pool *pgxpool.Pool, sql string, args ...any) int64 {
	tb.Helper()
	tag, err := pool.Exec(tb.Context(), sql, args...)
	require.NoError(tb, err)
	return tag.RowsAffected()
}

// kept returns the version of the stream's only snapshot, 0 when it has none.
func kept(tb testing.TB, pool *pgxpool.Pool, id string) (version int64) {
	tb.Helper()
	err := pool.QueryRow(tb.Context(), `SELECT coalesce(max(version), 0) FROM contrail.snapshots WHERE stream = $1`, "account-"+id).Scan(&version)
	require.NoError(tb, err)
	return version
}

// rivalStore lets others be faster: rival is called before each append, with the attempt's number, counted from 1.
type rivalStore struct {
	*eventstore.Store

	appends int
	rival   func(attempt int) error
}

func (s *rivalStore) Append(
	ctx context.Context, tx pgx.Tx, stream contrail.StreamID, expected eventstore.ExpectedVersion, events ...contrail.Event,
) ([]contrail.Recorded, error) {
	s.appends++
	if err := s.rival(s.appends); err != nil {
		return nil, err
	}
	return s.Store.Append(ctx, tx, stream, expected, events...)
}
