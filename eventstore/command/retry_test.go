package command_test

import (
	"context"
	"errors"
	"iter"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/eventstore/command"
	"github.com/contrail-events/contrail/internal/pgtest"
)

// appendRival moves one from somewhere else, and so makes the stream longer.
func appendRival(tb testing.TB, pool *pgxpool.Pool, id string) error {
	tb.Helper()
	return pgx.BeginFunc(tb.Context(), pool, func(tx pgx.Tx) error {
		_, err := newStore(tb).Append(tb.Context(), tx, contrail.NewStreamID("account", id), eventstore.Any, contrail.NewEvent(moved{Amount: 1}))
		return err
	})
}

// Many at one aggregate: each increment counts, once.
func TestNoUpdateIsLostOnAHotAggregate(t *testing.T) {
	t.Parallel()
	const workers, each = 8, 15
	pool := pgtest.New(t)
	own := func(ctx context.Context, handler *accountHandler, id string, wanted accountCommand) error {
		_, err := handler.Handle(ctx, pool, id, wanted)
		return err
	}
	callers := func(ctx context.Context, handler *accountHandler, id string, wanted accountCommand) error {
		_, err := handleTx(ctx, handler, pool, id, wanted)
		return err
	}
	for name, increment := range map[string]func(context.Context, *accountHandler, string, accountCommand) error{"own": own, "callers": callers} {
		for _, every := range []int{0, 1, 10} {
			t.Run(name+" transaction, every "+strconv.Itoa(every), func(t *testing.T) {
				t.Parallel()
				id := name + strconv.Itoa(every)
				handler := newHandler(t, command.Config{Snapshots: command.Every(every), Attempts: 1000})
				var group sync.WaitGroup
				faults := make(chan error, workers*each)
				for range workers {
					group.Go(func() {
						for range each {
							faults <- increment(t.Context(), handler, id, move(1))
						}
					})
				}
				group.Wait()
				close(faults)
				for err := range faults {
					require.NoError(t, err)
				}
				state, version := replay(t, pool, id)
				require.Equal(t, int64(workers*each), version)
				require.Equal(t, int64(workers*each), state.Balance)
				fast, version, err := handler.Load(t.Context(), pool, id)
				require.NoError(t, err)
				require.Equal(t, int64(workers*each), version)
				require.Equal(t, state, fast)
				if every > 0 {
					require.Greater(t, kept(t, pool, id), int64(workers*each-every-1))
				}
			})
		}
	}
}

func TestConflictIsDecidedAnew(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	for id, every := range map[string]int{"plain": 0, "kept": 1} {
		store := &rivalStore{Store: newStore(t), rival: func(attempt int) error {
			if attempt <= 2 {
				return appendRival(t, pool, id)
			}
			return nil
		}}
		handler := handlerOn(t, store, command.Config{Snapshots: command.Every(every)})
		result := handle(t, handler, pool, id, move(5, 5))
		require.Equal(t, 3, store.appends)
		require.Equal(t, int64(12), result.State.Balance)
		require.Equal(t, int64(4), result.Version)

		store.appends = 0
		result, err := handleTx(t.Context(), handler, pool, id, move(-12))
		require.NoError(t, err)
		require.Equal(t, 3, store.appends)
		require.Equal(t, int64(2), result.State.Balance)
		require.Equal(t, int64(7), result.Version)
	}
}

// On a long stream another attempt would else come too late every time.
func TestAnotherAttemptReadsOnlyWhatIsNew(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	for range 5 {
		require.NoError(t, appendRival(t, pool, "42"))
	}
	store := &rivalStore{Store: newStore(t), rival: func(attempt int) error {
		if attempt <= 2 {
			return appendRival(t, pool, "42")
		}
		return nil
	}}
	decoded, decider := 0, accounts()
	decider.Decode = func(recorded contrail.Recorded) ([]accountEvent, error) {
		decoded++
		return command.One(decode)(recorded)
	}
	handler, err := command.New(store, decider, command.Config{})
	require.NoError(t, err)
	require.Equal(t, int64(8), handle(t, handler, pool, "42", move(1)).State.Balance)
	require.Equal(t, 8, decoded)
}

// An Evolve that changes its argument is not asked to do so twice with the same one.
func TestAnotherAttemptBeginsWithWhatIsCommitted(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	require.NoError(t, appendRival(t, pool, "42"))
	failTwice(t, pool, "DEFERRED", "40001")
	handler, err := command.New(newStore(t), command.Decider[map[string]int64, moved, moved]{
		Category: "account",
		Initial:  func() map[string]int64 { return map[string]int64{} },
		Decide:   func(_ map[string]int64, wanted moved) ([]moved, error) { return []moved{wanted}, nil },
		Evolve: func(state map[string]int64, event moved) map[string]int64 {
			state[event.Note] += event.Amount
			return state
		},
		Decode: command.One(func(recorded contrail.Recorded) (moved, error) { return decodeAs[moved](recorded) }),
	}, command.Config{})
	require.NoError(t, err)
	result, err := handler.Handle(t.Context(), pool, "42", moved{Amount: 1})
	require.NoError(t, err)
	require.Equal(t, map[string]int64{"": 2}, result.State)
}

func TestAttemptsAreBounded(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	store := &rivalStore{Store: newStore(t), rival: func(int) error { return appendRival(t, pool, "42") }}
	handler := handlerOn(t, store, command.Config{Attempts: 3})
	_, err := handler.Handle(t.Context(), pool, "42", move(1))
	require.ErrorIs(t, err, contrail.ErrConflict)
	require.EqualError(t, err, "given up after attempt 3 of 3: append to account-42: stream account-42: expected version 2, but it is at version 3")
	require.Equal(t, 3, store.appends)

	_, err = handleTx(t.Context(), handler, pool, "42", move(1))
	require.ErrorContains(t, err, "given up after attempt 3 of 3: ")
	require.Equal(t, 6, store.appends)

	store.appends = 0
	_, err = handlerOn(t, store, command.Config{}).Handle(t.Context(), pool, "42", move(1))
	require.ErrorContains(t, err, "given up after attempt 8 of 8: ")
	require.Equal(t, command.DefaultAttempts, store.appends)
}

func TestEndOfContextEndsTheRetries(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	closing := errors.New("closing")
	store := &rivalStore{Store: newStore(t), rival: func(attempt int) error {
		defer func() {
			if attempt == 2 {
				cancel(closing)
			}
		}()
		return &eventstore.ConflictError{Stream: contrail.NewStreamID("account", "42"), Actual: 9}
	}}
	handler := handlerOn(t, store, command.Config{RetryMin: time.Millisecond, Attempts: 100})
	_, err := handler.Handle(ctx, pool, "42", move(1))
	require.ErrorIs(t, err, closing)
	require.ErrorIs(t, err, contrail.ErrConflict)
	require.ErrorContains(t, err, "given up after attempt 2 of 100: closing: ")
	require.Equal(t, 2, store.appends)
	require.Zero(t, pool.Stat().AcquiredConns())
}

// What PostgreSQL ends for a deadlock or as not serializable is begun anew where the transaction is the handler's, anywhere in it and at its
// commit.
func TestTransactionThatPostgresEndsIsBegunAnew(t *testing.T) {
	t.Parallel()
	for _, timing := range []string{"IMMEDIATE", "DEFERRED"} {
		for _, code := range []string{"40001", "40P01"} {
			t.Run(timing+" "+code, func(t *testing.T) {
				t.Parallel()
				pool := pgtest.New(t)
				failTwice(t, pool, timing, code)
				result := handle(t, newHandler(t, command.Config{}), pool, "42", move(1))
				require.Equal(t, int64(1), result.State.Balance)
				state, version := replay(t, pool, "42")
				require.Equal(t, int64(1), version)
				require.Equal(t, result.State, state)

				exec(t, pool, `SELECT setval('tries', 1)`)
				_, err := handleTx(t.Context(), newHandler(t, command.Config{}), pool, "42", move(1))
				require.Error(t, err, "the caller's is the caller's to begin anew")
			})
		}
	}
}

// failTwice refuses the first two transactions that append, at once or at their commit.
func failTwice(tb testing.TB, pool *pgxpool.Pool, timing, code string) {
	tb.Helper()
	exec(tb, pool, `CREATE SEQUENCE tries`) // which no rollback turns back
	exec(tb, pool, `CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
		IF nextval('tries') < 3 THEN RAISE EXCEPTION 'again' USING ERRCODE = '`+code+`'; END IF; RETURN NULL; END $$`)
	exec(tb, pool, `CREATE CONSTRAINT TRIGGER fail AFTER INSERT ON contrail.events DEFERRABLE INITIALLY `+timing+`
		FOR EACH ROW EXECUTE FUNCTION fail()`)
}

// In a snapshot that stands still there is nothing new to decide upon.
func TestRepeatableReadIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	pool, ctx := pgtest.New(t), t.Context()
	for _, level := range []pgx.TxIsoLevel{pgx.RepeatableRead, pgx.Serializable} {
		id := string(level[0])
		store := &rivalStore{Store: newStore(t), rival: func(int) error { return appendRival(t, pool, id) }}
		handler := handlerOn(t, store, command.Config{Snapshots: command.Every(1)})
		err := pgx.BeginTxFunc(ctx, pool, pgx.TxOptions{IsoLevel: level}, func(tx pgx.Tx) error {
			_, err := handler.HandleTx(ctx, tx, id, move(1))
			return err
		})
		require.ErrorIs(t, err, contrail.ErrConflict)
		conflict, ok := errors.AsType[*eventstore.ConflictError](err)
		require.True(t, ok)
		require.Equal(t, int64(-1), conflict.Actual)
		require.Equal(t, 1, store.appends)

		store.rival = func(int) error { return nil }
		err = pgx.BeginTxFunc(ctx, pool, pgx.TxOptions{IsoLevel: level}, func(tx pgx.Tx) error {
			_, err := handler.HandleTx(ctx, tx, id, move(1))
			return err
		})
		require.NoError(t, err)
		require.Equal(t, int64(2), kept(t, pool, id))
	}
}

// What was asked for a millisecond is not waited for a minute.
func TestPausesAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var pauses []time.Duration
		last := time.Now()
		store := &rivalStore{rival: func(int) error {
			pauses = append(pauses, time.Since(last))
			last = time.Now()
			return &eventstore.ConflictError{Actual: 1}
		}}
		handler := handlerOn(t, emptyStore{store}, command.Config{Attempts: 8, RetryMin: 10 * time.Millisecond, RetryMax: 100 * time.Millisecond})
		_, err := handler.HandleTx(t.Context(), goodTx{}, "42", move(1))
		require.ErrorIs(t, err, contrail.ErrConflict)
		for i, whole := range []int64{0, 10, 20, 40, 80, 100, 100, 100} {
			require.LessOrEqual(t, pauses[i].Milliseconds(), whole)
			require.GreaterOrEqual(t, pauses[i].Milliseconds(), whole/2)
		}
	})
}

// emptyStore has no event.
type emptyStore struct{ *rivalStore }

func (emptyStore) Load(context.Context, eventstore.Querier, contrail.StreamID, int64) iter.Seq2[contrail.Recorded, error] {
	return func(func(contrail.Recorded, error) bool) {}
}

// goodTx is never asked anything.
type goodTx struct{ pgx.Tx }

// The pause may be over by the time its end is looked at: what ends first is not left to chance.
func TestNothingIsTriedAfterTheEndOfContext(t *testing.T) {
	t.Parallel()
	closing := errors.New("closing")
	for range 100 {
		ctx, cancel := context.WithCancelCause(t.Context())
		store := &rivalStore{rival: func(int) error {
			cancel(closing)
			return &eventstore.ConflictError{Actual: 1}
		}}
		handler := handlerOn(t, emptyStore{store}, command.Config{RetryMin: 1, RetryMax: 1})
		_, err := handler.HandleTx(ctx, goodTx{}, "42", move(1))
		require.ErrorIs(t, err, closing)
		require.ErrorIs(t, err, contrail.ErrConflict)
		require.Equal(t, 1, store.appends)
	}
}
