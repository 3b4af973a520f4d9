package command_test

import (
	"context"
	"encoding/json"
	"iter"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/eventstore/command"
	"github.com/contrail-events/contrail/internal/pgtest"
)

// personalStore shows an account's opening as a store with keys does: sealed with the key of the owner, in plain text as long as that
// exists, erased afterwards. Nothing is really encrypted, since this is about who is told what, not about how.
type personalStore struct {
	*eventstore.Store

	noKeys bool // the reader has none
}

func (s personalStore) Load(ctx context.Context, db eventstore.Querier, stream contrail.StreamID, from int64) iter.Seq2[contrail.Recorded, error] {
	return func(yield func(contrail.Recorded, error) bool) {
		var events []contrail.Recorded
		for event, err := range s.Store.Load(ctx, db, stream, from) {
			if err == nil {
				event, err = s.show(ctx, db, event)
			}
			if err != nil {
				yield(event, err)
				return
			}
			events = append(events, event)
		}
		for _, event := range events {
			if !yield(event, nil) {
				return
			}
		}
	}
}

func (s personalStore) Append(
	ctx context.Context, tx pgx.Tx, stream contrail.StreamID, expected eventstore.ExpectedVersion, events ...contrail.Event,
) ([]contrail.Recorded, error) {
	recorded, err := s.Store.Append(ctx, tx, stream, expected, events...)
	for i := range recorded {
		if recorded[i], err = s.show(ctx, tx, recorded[i]); err != nil {
			return nil, err
		}
	}
	return recorded, err
}

func (s personalStore) show(ctx context.Context, db eventstore.Querier, event contrail.Recorded) (contrail.Recorded, error) {
	var body opened
	if err := json.Unmarshal(event.Data, &body); err != nil || event.Type != body.EventType() {
		return event, err
	}
	event.Metadata = event.Metadata.With(contrail.KeySealedWith, "key-of-"+body.Owner)
	event.Sealed = s.noKeys
	var there bool
	err := db.QueryRow(ctx, `SELECT EXISTS (SELECT FROM contrail.keys WHERE subject = $1)`, body.Owner).Scan(&there)
	if err == nil && !there && !s.noKeys {
		event.Data, event.Erased = json.RawMessage(`null`), true
	}
	return event, err
}

func giveKey(tb testing.TB, pool *pgxpool.Pool, owner string) {
	tb.Helper()
	exec(tb, pool, `INSERT INTO contrail.keys (id, subject, wrapped) VALUES ($1, $2, 'wrapped')`, "key-of-"+owner, owner)
}

func erase(tb testing.TB, pool *pgxpool.Pool, owner string) {
	tb.Helper()
	require.Equal(tb, int64(1), exec(tb, pool, `DELETE FROM contrail.keys WHERE subject = $1`, owner))
}

func keyIDs(tb testing.TB, pool *pgxpool.Pool) (keys []string) {
	tb.Helper()
	require.NoError(tb, pool.QueryRow(tb.Context(), `SELECT key_ids FROM contrail.snapshots WHERE stream = 'account-42'`).Scan(&keys))
	return keys
}

func TestErasedPersonLeavesNoTraceInSnapshots(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	handler := handlerOn(t, personalStore{Store: newStore(t)}, command.Config{Snapshots: command.Every(2), Logger: failingLogger(t)})
	giveKey(t, pool, "leonie")
	giveKey(t, pool, "bjorn")
	handle(t, handler, pool, "42", open("leonie"))
	handle(t, handler, pool, "42", move(1))
	require.Equal(t, []string{"key-of-leonie"}, keyIDs(t, pool))
	handle(t, handler, pool, "42", open("bjorn"))
	handle(t, handler, pool, "42", move(1))
	require.Equal(t, int64(4), kept(t, pool, "42"))
	require.Equal(t, []string{"key-of-bjorn", "key-of-leonie"}, keyIDs(t, pool), "the ones of the snapshot before are still in it")
	handle(t, handler, pool, "42", move(1, 1))
	require.Equal(t, int64(6), kept(t, pool, "42"))
	require.Equal(t, []string{"key-of-bjorn", "key-of-leonie"}, keyIDs(t, pool))

	erase(t, pool, "bjorn")
	require.Zero(t, kept(t, pool, "42"))
	state, version, err := handler.Load(t.Context(), pool, "42")
	require.NoError(t, err)
	require.Equal(t, int64(6), version)
	require.Empty(t, state.Owner)
	require.Equal(t, int64(4), state.Balance)

	result := handle(t, handler, pool, "42", move(1))
	require.Equal(t, int64(5), result.State.Balance)
	require.Equal(t, int64(7), kept(t, pool, "42"))
	require.Equal(t, []string{"key-of-leonie"}, keyIDs(t, pool), "what is erased is in no state")
	erase(t, pool, "leonie")
	require.Zero(t, kept(t, pool, "42"))
}

// The key goes after the state was loaded, and before its snapshot is written.
func TestKeyThatIsDeletedMeanwhileLeavesNoSnapshot(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	decider, meanwhile := accounts(), func() {}
	decider.Decide = func(state account, wanted accountCommand) ([]accountEvent, error) {
		meanwhile()
		return decide(state, wanted)
	}
	handler, err := command.New(personalStore{Store: newStore(t)}, decider, command.Config{Snapshots: command.Every(2), Logger: failingLogger(t)})
	require.NoError(t, err)
	for _, call := range []func(wanted accountCommand) (command.Result[account], error){
		func(wanted accountCommand) (command.Result[account], error) {
			return handler.Handle(t.Context(), pool, "42", wanted)
		},
		func(wanted accountCommand) (command.Result[account], error) {
			return handleTx(t.Context(), handler, pool, "42", wanted)
		},
	} {
		giveKey(t, pool, "leonie")
		_, err := call(open("leonie"))
		require.NoError(t, err)
		meanwhile = func() { erase(t, pool, "leonie") }
		result, err := call(move(1, 1))
		require.NoError(t, err)
		require.Equal(t, "leonie", result.State.Owner, "it was loaded before")
		require.Zero(t, kept(t, pool, "42"))
		meanwhile = func() {}
		result, err = call(move(1))
		require.NoError(t, err)
		require.Empty(t, result.State.Owner)
		require.NotZero(t, kept(t, pool, "42"))
		exec(t, pool, `DELETE FROM contrail.snapshots`)
	}
}

// A transaction that is about to delete a key holds no command up, and a snapshot in the making holds the deletion up until it can be found.
func TestDeletionUnderWay(t *testing.T) {
	t.Parallel()
	pool, ctx := pgtest.New(t), t.Context()
	handler := handlerOn(t, personalStore{Store: newStore(t)}, command.Config{Snapshots: command.Every(1), Logger: failingLogger(t)})
	giveKey(t, pool, "leonie")
	eraser, err := pool.Begin(ctx)
	require.NoError(t, err)
	_, err = eraser.Exec(ctx, `DELETE FROM contrail.keys WHERE subject = 'leonie'`)
	require.NoError(t, err)
	require.Equal(t, "leonie", handle(t, handler, pool, "42", open("leonie")).State.Owner)
	require.Zero(t, kept(t, pool, "42"))
	require.NoError(t, eraser.Rollback(ctx))

	tx, err := pool.Begin(ctx)
	require.NoError(t, err)
	_, err = handler.HandleTx(ctx, tx, "42", move(1))
	require.NoError(t, err)
	_, err = pool.Exec(ctx, `SET lock_timeout = '50ms'; DELETE FROM contrail.keys WHERE subject = 'leonie'; `, pgx.QueryExecModeSimpleProtocol)
	require.ErrorContains(t, err, "lock timeout")
	require.NoError(t, tx.Commit(ctx))
	require.Equal(t, int64(2), kept(t, pool, "42"))
	erase(t, pool, "leonie")
	require.Zero(t, kept(t, pool, "42"))
}

// What a reader without keys makes of ciphertext is its own affair, and none of the others'.
func TestReaderWithoutKeysTakesNoSnapshot(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	giveKey(t, pool, "leonie")
	handler := handlerOn(t, personalStore{Store: newStore(t), noKeys: true}, command.Config{Snapshots: command.Every(1), Logger: failingLogger(t)})
	require.Empty(t, handle(t, handler, pool, "42", open("leonie")).State.Owner)
	require.Zero(t, kept(t, pool, "42"))
	handle(t, handler, pool, "42", move(1))
	_, err := handleTx(t.Context(), handler, pool, "42", move(1))
	require.NoError(t, err)
	require.Zero(t, kept(t, pool, "42"))
}

func TestSnapshotWhoseKeyIsGoneIsIgnored(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	told := &log{}
	handler := handlerOn(t, personalStore{Store: newStore(t)}, command.Config{Snapshots: command.Every(1), Logger: told.logger()})
	giveKey(t, pool, "leonie")
	handle(t, handler, pool, "42", open("leonie"))
	exec(t, pool, `ALTER TABLE contrail.keys DISABLE TRIGGER USER`)
	erase(t, pool, "leonie")
	require.Equal(t, int64(1), kept(t, pool, "42"))
	state, version, err := handler.Load(t.Context(), pool, "42")
	require.NoError(t, err)
	require.Equal(t, int64(1), version)
	require.Empty(t, state.Owner)
	require.Contains(t, told.take(), "a key that it needs was deleted")
	handle(t, handler, pool, "42", move(1))
	require.Empty(t, keyIDs(t, pool))
}
