package command_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/eventstore/command"
	"github.com/contrail-events/contrail/internal/pgtest"
)

// Whatever commands come and whatever happens to the snapshots between them: a state that begins at a snapshot is the one that all events
// make, and the one that a model without a database has.
func TestSnapshotsChangeNoState(t *testing.T) {
	t.Parallel()
	pool, ctx := pgtest.New(t), t.Context()
	exec(t, pool, `ALTER TABLE contrail.snapshots DISABLE TRIGGER USER`) // they would refuse some of the damage
	run := strconv.FormatUint(rand.Uint64(), 36)
	example := 0
	rapid.Check(t, func(t *rapid.T) {
		example++
		id := fmt.Sprintf("%s-%d", run, example)
		stream := "account-" + id
		config := command.Config{Snapshots: command.Every(rapid.IntRange(1, 6).Draw(t, "every")), StateSchema: 5}
		handler := remake(t, config)
		var model account
		var version int64
		wanted := rapid.Custom(func(t *rapid.T) accountCommand {
			return accountCommand{
				Owner:   rapid.SampledFrom([]string{"", "", "Bjørn", "\u2028<&>"}).Draw(t, "owner"),
				Amounts: rapid.SliceOfN(rapid.Int64Range(-4, 1<<50), 0, 4).Draw(t, "amounts"),
				Note:    rapid.SampledFrom([]string{"", "a", "ü"}).Draw(t, "note"),
			}
		})
		settle := func(t *rapid.T, events []accountEvent, result command.Result[account], refusal, err error) {
			require.Equal(t, refusal != nil, err != nil, "%v", err)
			if err != nil {
				require.ErrorIs(t, err, errOverdrawn)
				return
			}
			for _, event := range events {
				model = event.apply(model)
			}
			version += int64(len(events))
			require.Equal(t, model, result.State)
			require.Equal(t, version, result.Version)
			require.Len(t, result.Events, len(events))
		}
		damage := func(t *rapid.T, sql string, args ...any) {
			_, err := pool.Exec(ctx, sql, append([]any{stream}, args...)...)
			require.NoError(t, err)
		}
		t.Repeat(map[string]func(*rapid.T){
			"handle": func(t *rapid.T) {
				wanted := wanted.Draw(t, "command")
				events, refusal := decide(model, wanted)
				result, err := handler.Handle(ctx, pool, id, wanted)
				settle(t, events, result, refusal, err)
			},
			"handle tx": func(t *rapid.T) {
				wanted := wanted.Draw(t, "command")
				events, refusal := decide(model, wanted)
				result, err := handleTx(ctx, handler, pool, id, wanted)
				settle(t, events, result, refusal, err)
			},
			"handle and roll back": func(t *rapid.T) {
				wanted := wanted.Draw(t, "command")
				tx, err := pool.Begin(ctx)
				require.NoError(t, err)
				_, _ = handler.HandleTx(ctx, tx, id, wanted)
				require.NoError(t, tx.Rollback(ctx))
			},
			"another schema": func(t *rapid.T) {
				config.StateSchema = rapid.IntRange(4, 6).Draw(t, "schema")
				handler = remake(t, config)
			},
			"delete": func(t *rapid.T) { damage(t, `DELETE FROM contrail.snapshots WHERE stream = $1`) },
			"corrupt": func(t *rapid.T) {
				damage(t, `UPDATE contrail.snapshots SET state = $2::text::json WHERE stream = $1`,
					rapid.SampledFrom([]string{`null`, `[]`, `"x"`, `{"balance": "x"}`, `{"balances": 1}`}).Draw(t, "state"))
			},
			"of another history": func(t *rapid.T) {
				damage(t, `UPDATE contrail.snapshots SET event_id = gen_random_uuid(), state = '{"balance": 1}' WHERE stream = $1`)
			},
			"move": func(t *rapid.T) {
				damage(t, `UPDATE contrail.snapshots SET version = version + $2 WHERE stream = $1 AND version + $2 > 0`,
					rapid.SampledFrom([]int64{-1, 1, 1000}).Draw(t, "by"))
			},
			"lose a key": func(t *rapid.T) {
				damage(t, `UPDATE contrail.snapshots SET key_ids = '{gone}', state = '{"balance": 1}' WHERE stream = $1`)
			},
			"": func(t *rapid.T) {
				state, actual, err := handler.Load(ctx, pool, id)
				require.NoError(t, err)
				require.Equal(t, version, actual)
				require.Equal(t, model, state)
				full, actual, err := remake(t, command.Config{}).Load(ctx, pool, id)
				require.NoError(t, err)
				require.Equal(t, version, actual)
				require.Equal(t, full, state)
			},
		})
	})
}

func remake(t *rapid.T, config command.Config) *accountHandler {
	store, err := eventstore.New(eventstore.Config{})
	require.NoError(t, err)
	handler, err := command.New(store, accounts(), config)
	require.NoError(t, err)
	return handler
}
