package command_test

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore/command"
	"github.com/contrail-events/contrail/internal/pgtest"
)

func TestPolicy(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	for every, expected := range map[int][]int64{
		0: {0, 0, 0, 0, 0, 0, 0, 0},
		1: {1, 2, 3, 4, 5, 6, 7, 8},
		3: {0, 0, 3, 3, 3, 6, 6, 6},
	} {
		handler := newHandler(t, command.Config{Snapshots: command.Every(every), Logger: failingLogger(t)})
		id := fmt.Sprintf("one-%d", every)
		for i := range expected {
			handle(t, handler, pool, id, move(1))
			require.Equal(t, expected[i], kept(t, pool, id), "every %d, after %d", every, i+1)
		}
		exec(t, pool, `DELETE FROM contrail.snapshots`)
		handle(t, handler, pool, id, move())
		require.Zero(t, kept(t, pool, id), "nothing was appended")
	}
	handler := newHandler(t, command.Config{Snapshots: command.Every(3)})
	for _, version := range []int64{0, 4, 4, 8} { // several at once may step over the mark
		handle(t, handler, pool, "two", move(1, 1))
		require.Equal(t, version, kept(t, pool, "two"))
	}
}

// What is read is the snapshot and what comes after it, no event before.
func TestOnlyLaterEventsAreRead(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	var read []int64
	decider := accounts()
	decider.Decode = func(recorded contrail.Recorded) ([]accountEvent, error) {
		read = append(read, recorded.Version)
		return command.One(decode)(recorded)
	}
	handler, err := command.New(newStore(t), decider, command.Config{Snapshots: command.Every(3)})
	require.NoError(t, err)
	for range 4 {
		handle(t, handler, pool, "42", move(1))
	}
	read = nil
	state, version, err := handler.Load(t.Context(), pool, "42")
	require.NoError(t, err)
	require.Equal(t, int64(4), state.Balance)
	require.Equal(t, int64(4), version)
	require.Equal(t, []int64{4}, read)
}

// Whatever a snapshot may be: the state is right, the reason is told, and the next command leaves a good one.
func TestUnusableSnapshotIsIgnoredAndReplaced(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		spoil  string
		reason string
	}{
		"another form":            {`UPDATE contrail.snapshots SET state = '{"balance": "much"}'`, "does not fit the state's type"},
		"a list":                  {`UPDATE contrail.snapshots SET state = '[]'`, "does not fit the state's type"},
		"a field too many":        {`UPDATE contrail.snapshots SET state = '{"balance": 1, "sum": 1}'`, "unknown field"},
		"null":                    {`UPDATE contrail.snapshots SET state = 'null'`, "it is null"},
		"an older schema":         {`UPDATE contrail.snapshots SET schema = 1, state = '{"balance": 99}'`, "another schema"},
		"ahead of the stream":     {`UPDATE contrail.snapshots SET version = 1000, state = '{"balance": 99}'`, "does not stand in the stream"},
		"of another history":      {`UPDATE contrail.snapshots SET event_id = gen_random_uuid(), state = '{"balance": 99}'`, "does not stand in the stream"},
		"of a version before":     {`UPDATE contrail.snapshots SET version = 2, state = '{"balance": 99}'`, "does not stand in the stream"},
		"with a key that is gone": {`UPDATE contrail.snapshots SET key_ids = '{gone}', state = '{"balance": 99}'`, "key that it needs was deleted"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool, told := pgtest.New(t), &log{}
			handler := newHandler(t, command.Config{Snapshots: command.Every(3), StateSchema: 2, Logger: told.logger()})
			for range 4 {
				handle(t, handler, pool, "42", move(1))
			}
			require.Empty(t, told.take())
			exec(t, pool, `ALTER TABLE contrail.snapshots DISABLE TRIGGER USER`) // which would not let a key go missing
			require.Equal(t, int64(1), exec(t, pool, test.spoil))
			state, version, err := handler.Load(t.Context(), pool, "42")
			require.NoError(t, err)
			require.Equal(t, int64(4), version)
			require.Equal(t, int64(4), state.Balance)
			line := told.take()
			require.Contains(t, line, `msg="snapshot ignored" stream=account-42 snapshot=github.com/`)
			require.Contains(t, line, test.reason)
			level := "level=WARN"
			if test.reason == "another schema" {
				level = "level=DEBUG"
			}
			require.Contains(t, line, level)

			result := handle(t, handler, pool, "42", move(1))
			require.Equal(t, int64(5), result.State.Balance)
			require.NotEmpty(t, told.take())
			require.Equal(t, int64(5), kept(t, pool, "42"))
			state, _, err = handler.Load(t.Context(), pool, "42")
			require.NoError(t, err)
			require.Equal(t, result.State, state)
			require.Empty(t, told.take())
		})
	}
}

func TestOlderSnapshotReplacesNoNewerOne(t *testing.T) {
	t.Parallel()
	pool, ctx := pgtest.New(t), t.Context()
	handler := newHandler(t, command.Config{Snapshots: command.Every(1), Logger: failingLogger(t)})
	handle(t, handler, pool, "42", move(1))
	// One that was taken meanwhile by somebody who was faster to write it than this command.
	exec(t, pool, `CREATE FUNCTION overtake() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
		UPDATE contrail.snapshots SET version = 1000; RETURN NULL; END $$`)
	exec(t, pool, `CREATE TRIGGER overtake AFTER INSERT ON contrail.events FOR EACH ROW EXECUTE FUNCTION overtake()`)
	handle(t, handler, pool, "42", move(1))
	require.Equal(t, int64(1000), kept(t, pool, "42"))
	exec(t, pool, `DELETE FROM contrail.snapshots`)
	_, err := handleTx(ctx, handler, pool, "42", move(1))
	require.NoError(t, err)
	_, err = handleTx(ctx, handler, pool, "42", move(1))
	require.NoError(t, err)
	require.Equal(t, int64(1000), kept(t, pool, "42"))
}

// While an old and a new program run side by side each gets right states, and neither undoes the other's snapshots with each command.
func TestTwoSchemasSideBySide(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	old := newHandler(t, command.Config{Snapshots: command.Every(3), StateSchema: 1})
	young := newHandler(t, command.Config{Snapshots: command.Every(3), StateSchema: 2})
	schema := func() (schema, version int64) {
		require.NoError(t, pool.QueryRow(t.Context(), `SELECT schema, version FROM contrail.snapshots`).Scan(&schema, &version))
		return schema, version
	}
	at := func(handler *accountHandler, version, keptSchema, keptVersion int64) {
		t.Helper()
		result := handle(t, handler, pool, "42", move(1))
		require.Equal(t, version, result.Version)
		require.Equal(t, version, result.State.Balance)
		actualSchema, actualVersion := schema()
		require.Equal(t, []int64{keptSchema, keptVersion}, []int64{actualSchema, actualVersion})
	}
	handle(t, old, pool, "42", move(1))
	handle(t, old, pool, "42", move(1))
	at(old, 3, 1, 3)
	at(young, 4, 2, 4) // at once
	at(old, 5, 2, 4)   // not before it is due
	at(old, 6, 2, 4)
	at(old, 7, 1, 7)
	at(young, 8, 2, 8)
}

func TestTwoStatesOfOneStream(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	one := newHandler(t, command.Config{Snapshots: command.Every(1), Logger: failingLogger(t)})
	other, err := command.New(newStore(t), command.Decider[total, accountCommand, accountEvent]{
		Category: "account",
		Decide:   func(total, accountCommand) ([]accountEvent, error) { return []accountEvent{moved{Amount: 10}}, nil },
		Evolve:   func(state total, _ accountEvent) total { return total{Events: state.Events + 1} },
		Decode:   command.One(decode),
	}, command.Config{Snapshots: command.Every(1), Logger: failingLogger(t)})
	require.NoError(t, err)
	for n := range 3 {
		require.Equal(t, int64(n*11+1), handle(t, one, pool, "42", move(1)).State.Balance)
		result, err := other.Handle(t.Context(), pool, "42", accountCommand{})
		require.NoError(t, err)
		require.Equal(t, total{Events: 2*n + 2}, result.State)
	}
	require.Equal(t, int64(2), exec(t, pool, `DELETE FROM contrail.snapshots WHERE name LIKE 'github.com/contrail-events/contrail/eventstore/command_test.%'`))
}

// total is another state of the same stream.
type total struct{ Events int }

// A command does not fail because its snapshot can't be written, nor does the caller's transaction.
func TestSnapshotThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	pool, told, ctx := pgtest.New(t), &log{}, t.Context()
	handler := newHandler(t, command.Config{Snapshots: command.Every(1), Logger: told.logger()})
	exec(t, pool, `ALTER TABLE contrail.snapshots ADD CONSTRAINT later CHECK (version > 10)`)
	require.Equal(t, int64(1), handle(t, handler, pool, "42", move(1)).Version)
	require.Contains(t, told.take(), `level=WARN msg="snapshot not written" stream=account-42 snapshot=github.com/`)
	err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		for range 2 {
			if _, err := handler.HandleTx(ctx, tx, "42", move(1)); err != nil {
				return err
			}
			require.Contains(t, told.take(), "snapshot not written")
		}
		return nil
	})
	require.NoError(t, err)
	state, version := replay(t, pool, "42")
	require.Equal(t, int64(3), version)
	require.Equal(t, int64(3), state.Balance)
}

// A state that JSON cannot hold in this instance, such as NaN, is no reason to fail either; and nil is not kept, since null fits all types.
func TestStateThatIsNoJSON(t *testing.T) {
	t.Parallel()
	pool, told := pgtest.New(t), &log{}
	for name, initial := range map[string]any{"unsupported": make(chan int), "null": nil} {
		handler, err := command.New(newStore(t), command.Decider[map[string]any, accountCommand, accountEvent]{
			Category: "account",
			Decide: func(map[string]any, accountCommand) ([]accountEvent, error) {
				return []accountEvent{moved{Amount: 1}}, nil
			},
			Evolve: func(map[string]any, accountEvent) map[string]any {
				if initial == nil {
					return nil
				}
				return map[string]any{"x": initial}
			},
			Decode: command.One(decode),
		}, command.Config{Snapshots: command.Every(1), Name: "loose", Logger: told.logger()})
		require.NoError(t, err)
		for version := int64(1); version < 3; version++ {
			result, err := handler.Handle(t.Context(), pool, name, accountCommand{})
			require.NoError(t, err)
			require.Equal(t, version, result.Version)
			line := told.take()
			require.Contains(t, line, "snapshot not written")
			require.Contains(t, line, name)
		}
		require.Zero(t, kept(t, pool, name))
	}
}
