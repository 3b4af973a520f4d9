package command_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/eventstore/command"
	"github.com/contrail-events/contrail/internal/pgtest"
)

func TestGivenWhenThen(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	for name, test := range map[string]struct {
		given []accountCommand
		when  accountCommand
		then  []string // types
		state account
		err   error
	}{
		"the first event": {
			when: open("Leonie"), then: []string{"AccountOpened"}, state: account{Owner: "Leonie"},
		},
		"several events at once": {
			given: []accountCommand{open("Leonie")}, when: move(5, 7), then: []string{"MoneyMoved", "MoneyMoved"},
			state: account{Owner: "Leonie", Balance: 12, Notes: []string{"n", "n"}, ByNote: map[string]int64{"n": 12}},
		},
		"nothing decided": {
			given: []accountCommand{open("Leonie")}, when: move(), state: account{Owner: "Leonie"},
		},
		"nothing decided on nothing": {when: move()},
		"refused": {
			given: []accountCommand{open("Leonie"), move(5)}, when: move(-6), err: errOverdrawn,
			state: account{Owner: "Leonie", Balance: 5, Notes: []string{"n"}, ByNote: map[string]int64{"n": 5}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for id, config := range map[string]command.Config{"plain": {}, "kept": {Snapshots: command.Every(1)}} {
				handler := newHandler(t, config)
				id += "-" + t.Name()[len("TestGivenWhenThen/"):]
				before := int64(0)
				for _, given := range test.given {
					before = handle(t, handler, pool, id, given).Version
				}
				result, err := handler.Handle(t.Context(), pool, id, test.when)
				require.ErrorIs(t, err, test.err)
				var types []string
				for i, event := range result.Events {
					types = append(types, event.Type)
					require.Equal(t, before+int64(i)+1, event.Version)
				}
				require.Equal(t, test.then, types)
				if err == nil {
					require.Equal(t, test.state, result.State)
					require.Equal(t, before+int64(len(types)), result.Version)
				}
				state, version, err := handler.Load(t.Context(), pool, id)
				require.NoError(t, err)
				require.Equal(t, test.state, state)
				require.Equal(t, before+int64(len(types)), version)
			}
		})
	}
}

func TestRefusalIsWrappedAndNotTriedAgain(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	asked := 0
	decider := accounts()
	decider.Decide = func(account, accountCommand) ([]accountEvent, error) { asked++; return nil, contrail.ErrConflict }
	handler, err := command.New(newStore(t), decider, command.Config{})
	require.NoError(t, err)
	_, err = handler.Handle(t.Context(), pool, "42", open("Leonie"))
	require.ErrorContains(t, err, "decide account-42: ")
	require.Equal(t, 1, asked, "even when it says that it is a conflict")
	_, err = handleTx(t.Context(), handler, pool, "42", open("Leonie"))
	require.ErrorContains(t, err, "decide account-42: ")
	require.Equal(t, 2, asked)
}

func TestUnreadableEventEndsTheCommand(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	handler := newHandler(t, command.Config{})
	exec(t, pool, `INSERT INTO contrail.events (stream, version, type, data) VALUES ('account-42', 1, 'AccountMerged', '{}')`)
	_, err := handler.Handle(t.Context(), pool, "42", move(1))
	require.EqualError(t, err, "decode AccountMerged at version 1 of account-42: unknown type AccountMerged")
	_, _, err = handler.Load(t.Context(), pool, "42")
	require.ErrorContains(t, err, "unknown type AccountMerged")
}

// An event that could not be read again would block its aggregate for ever.
func TestEventThatCannotBeReadAgainIsNotCommitted(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	decider := accounts()
	decider.Encode = func(event accountEvent) (contrail.Event, error) {
		return contrail.Event{Type: "MoneyMoved", Data: json.RawMessage(`{"amount": "much"}`)}, nil
	}
	handler, err := command.New(newStore(t), decider, command.Config{})
	require.NoError(t, err)
	_, err = handler.Handle(t.Context(), pool, "42", move(1))
	require.ErrorContains(t, err, "decode MoneyMoved at version 1 of account-42: ")
	_, version := replay(t, pool, "42")
	require.Zero(t, version)
}

func TestEncodeAndInitial(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	decider := accounts()
	decider.Initial = func() account { return account{Balance: 100} }
	decider.Encode = func(event accountEvent) (contrail.Event, error) {
		encoded := contrail.NewEvent(event)
		encoded.Metadata = encoded.Metadata.With("schema_version", "3")
		return encoded, nil
	}
	handler, err := command.New(newStore(t), decider, command.Config{Snapshots: command.Every(1)})
	require.NoError(t, err)
	state, version, err := handler.Load(t.Context(), pool, "42")
	require.NoError(t, err)
	require.Equal(t, account{Balance: 100}, state)
	require.Zero(t, version)
	for balance := int64(101); balance < 104; balance++ {
		result := handle(t, handler, pool, "42", move(1))
		require.Equal(t, balance, result.State.Balance)
		require.Equal(t, "3", result.Events[0].Metadata["schema_version"])
	}

	unwritable := errors.New("unwritable")
	decider.Encode = func(accountEvent) (contrail.Event, error) { return contrail.Event{}, unwritable }
	handler, err = command.New(newStore(t), decider, command.Config{})
	require.NoError(t, err)
	_, err = handler.Handle(t.Context(), pool, "42", move(1))
	require.ErrorIs(t, err, unwritable)
	require.ErrorContains(t, err, "encode event 1 for account-42")
}

func TestMetadataOfTheContext(t *testing.T) {
	t.Parallel()
	ctx := contrail.WithMetadata(t.Context(), contrail.Metadata{contrail.KeyUserID: "leonie"})
	result, err := newHandler(t, command.Config{}).Handle(ctx, pgtest.New(t), "42", move(1))
	require.NoError(t, err)
	require.Equal(t, contrail.Metadata{contrail.KeyUserID: "leonie"}, result.Events[0].Metadata)
}

// An upcaster may make several events of one, or none.
func TestOneRecordedEventMayBeSeveral(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	decider := accounts()
	decider.Decode = func(recorded contrail.Recorded) ([]accountEvent, error) {
		if recorded.Type == "AccountOpened" {
			return nil, nil
		}
		event, err := decode(recorded)
		return []accountEvent{event, event}, err
	}
	handler, err := command.New(newStore(t), decider, command.Config{})
	require.NoError(t, err)
	handle(t, handler, pool, "42", open("Leonie"))
	result := handle(t, handler, pool, "42", move(4))
	require.Equal(t, int64(8), result.State.Balance)
	require.Empty(t, result.State.Owner)
	require.Equal(t, int64(2), result.Version)
}

func TestAtVersion(t *testing.T) {
	t.Parallel()
	pool, ctx := pgtest.New(t), t.Context()
	asked := 0
	decider := accounts()
	decider.Decide = func(state account, wanted accountCommand) ([]accountEvent, error) {
		asked++
		return decide(state, wanted)
	}
	store := &rivalStore{Store: newStore(t), rival: func(int) error { return nil }}
	handler, err := command.New(store, decider, command.Config{})
	require.NoError(t, err)

	_, err = handler.Handle(ctx, pool, "42", open("Leonie"), command.AtVersion(0))
	require.NoError(t, err)
	for _, version := range []int64{0, 2} {
		_, err = handler.Handle(ctx, pool, "42", move(1), command.AtVersion(version))
		conflict, ok := errors.AsType[*eventstore.ConflictError](err)
		require.True(t, ok)
		require.Equal(t, eventstore.ConflictError{
			Stream: contrail.NewStreamID("account", "42"), Expected: eventstore.Exactly(version), Actual: 1,
		}, *conflict)
	}
	require.Equal(t, 1, asked)

	store.rival = func(int) error { return appendRival(t, pool, "42") }
	_, err = handler.Handle(ctx, pool, "42", move(1), command.AtVersion(1))
	require.ErrorIs(t, err, contrail.ErrConflict)
	require.NotContains(t, err.Error(), "given up")
	require.Equal(t, 2, asked, "a rival between load and append: not tried again either")
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		_, err := handler.HandleTx(ctx, tx, "42", move(1), command.AtVersion(2))
		return err
	})
	require.ErrorIs(t, err, contrail.ErrConflict)
	require.NotContains(t, err.Error(), "given up")
	require.Equal(t, 3, asked)

	_, err = handler.Handle(ctx, pool, "42", move(1), command.AtVersion(-1))
	require.ErrorIs(t, err, contrail.ErrInvalid)
	require.Equal(t, 3, asked)
}

func TestBadArguments(t *testing.T) {
	t.Parallel()
	pool, ctx := pgtest.New(t), t.Context()
	handler := newHandler(t, command.Config{Snapshots: command.Every(1)})
	for _, id := range []string{"", "a b", "a.b", "\x00"} {
		_, err := handler.Handle(ctx, pool, id, move(1))
		require.ErrorIs(t, err, contrail.ErrInvalid)
		_, err = handler.HandleTx(ctx, nil, id, move(1))
		require.ErrorIs(t, err, contrail.ErrInvalid)
		_, _, err = handler.Load(ctx, pool, id)
		require.ErrorIs(t, err, contrail.ErrInvalid)
	}
	_, err := handler.Handle(ctx, nil, "42", move(1))
	require.EqualError(t, err, "handle account-42: db is nil")
	_, _, err = handler.Load(ctx, nil, "42")
	require.EqualError(t, err, "load account-42: db is nil")
	_, err = handler.HandleTx(ctx, nil, "42", move(1))
	require.ErrorIs(t, err, eventstore.ErrTransactionAborted)
}

func TestDatabaseThatIsNotMigrated(t *testing.T) {
	t.Parallel()
	conn, err := pgx.Connect(t.Context(), pgtest.Empty(t))
	require.NoError(t, err)
	defer func() { _ = conn.Close(t.Context()) }()
	for _, config := range []command.Config{{}, {Snapshots: command.Every(1)}} {
		_, err = newHandler(t, config).Handle(t.Context(), conn, "42", move(1))
		require.ErrorIs(t, err, eventstore.ErrNotMigrated)
		require.ErrorContains(t, err, "account-42")
	}
}
