package subscribers_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/subscribers"
)

// claims calls contrail.inbox_claim in a transaction of its own.
func claims(tb rapid.TB, pool *pgxpool.Pool, requeued int, positions ...int64) []int64 {
	tb.Helper()
	rows, err := pool.Query(context.Background(), `SELECT contrail.inbox_claim('test', $1, $2)`, positions, requeued)
	require.NoError(tb, err)
	fresh, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	require.NoError(tb, err)
	return fresh
}

func execute(tb rapid.TB, pool *pgxpool.Pool, sql string, args ...any) {
	tb.Helper()
	_, err := pool.Exec(context.Background(), sql, args...)
	require.NoError(tb, err)
}

// What the inbox says is what a set of positions says, whatever is folded and forgotten in between.
func TestInboxAgainstAModel(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	rapid.Check(t, func(t *rapid.T) {
		execute(t, pool, `TRUNCATE contrail.inbox, contrail.inbox_pages`)
		known, dead := map[int64]bool{}, map[int64]int{} // dead: one more than how often it had been requeued
		position := rapid.OneOf(rapid.Int64Range(1, 40), rapid.Int64Range(65_520, 65_550), rapid.SampledFrom([]int64{131_071, 131_072, 1 << 40}))
		t.Repeat(map[string]func(*rapid.T){
			"claim": func(t *rapid.T) {
				wanted := rapid.SliceOfNDistinct(position, 1, 6, rapid.ID).Draw(t, "positions")
				requeued := rapid.IntRange(0, 3).Draw(t, "requeued")
				var expected []int64
				for _, p := range wanted {
					if !known[p] && dead[p] <= requeued {
						expected = append(expected, p)
						known[p], dead[p] = true, 0
					}
				}
				require.ElementsMatch(t, expected, claims(t, pool, requeued, wanted...))
			},
			"give up": func(t *rapid.T) {
				p := position.Draw(t, "position")
				requeued := rapid.IntRange(0, 3).Draw(t, "requeued")
				var given bool
				require.NoError(t, pool.QueryRow(context.Background(), `SELECT contrail.inbox_give_up('test', $1, $2)`, p, requeued).Scan(&given))
				require.Equal(t, !known[p] && dead[p] <= requeued+1, given)
				if given {
					dead[p] = requeued + 1
				}
			},
			"fold": func(t *rapid.T) {
				execute(t, pool, `SELECT contrail.inbox_fold('test', now() + interval '1 minute')`)
				var rows int
				require.NoError(t, pool.QueryRow(context.Background(), `SELECT count(*) FROM contrail.inbox WHERE dead IS NULL`).Scan(&rows))
				require.Zero(t, rows)
			},
			"forget": func(t *rapid.T) {
				first, last := position.Draw(t, "first"), position.Draw(t, "last")
				execute(t, pool, `SELECT contrail.inbox_forget('test', $1, $2)`, first, last)
				for p := range known {
					if p >= first && p <= last {
						known[p] = false
					}
				}
				for p := range dead {
					if p >= first && p <= last {
						dead[p] = 0
					}
				}
			},
		})
	})
}

func TestFoldingLeavesAlone(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	execute(t, pool, `INSERT INTO contrail.inbox (consumer, position, handled_at, dead) VALUES
		('test', 1, now() - interval '1 day', NULL), ('test', 2, now(), NULL), ('test', 3, now() - interval '1 day', 0),
		('other', 1, now() - interval '1 day', NULL)`)
	tx, err := pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), `SELECT contrail.inbox_claim('test', '{9}')`)
	require.NoError(t, err)
	fold := func() (folded int) {
		require.NoError(t, pool.QueryRow(t.Context(), `SELECT contrail.inbox_fold('test', now() - interval '1 hour')`).Scan(&folded))
		return folded
	}
	require.Zero(t, fold(), "while somebody claims")
	require.NoError(t, tx.Rollback(t.Context()))
	require.Equal(t, 1, fold())
	rows, err := pool.Query(t.Context(), `SELECT consumer || position FROM contrail.inbox ORDER BY 1`)
	require.NoError(t, err)
	left, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.Equal(t, []string{"other1", "test2", "test3"}, left)
}

func TestInboxRefusesRepeatableRead(t *testing.T) {
	t.Parallel()
	w, pool := newWorld(t), pgtest.New(t)
	config := pool.Config()
	config.ConnConfig.RuntimeParams["default_transaction_isolation"] = "repeatable read"
	strict, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	defer strict.Close()
	sub := w.subscribe(t, subscribers.Config{Inbox: subscribers.NewInbox(strict)})
	subscribers.HandleTx(sub, func(context.Context, pgx.Tx, contrail.Delivered[drafted]) error { return nil })
	require.ErrorContains(t, outcome(t, sub), "the inbox needs READ COMMITTED, and this transaction is at REPEATABLE READ")
}

func TestTransactionOfAFrozenProcessIsEnded(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	frozen, err := pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = frozen.Exec(t.Context(), `SELECT contrail.inbox_claim('test', '{1}', 0, '300 ms')`)
	require.NoError(t, err)
	require.Equal(t, []int64{1}, claims(t, pool, 0, 1), "waits until the server has ended the other's session")
	require.Error(t, frozen.Commit(t.Context()))
}

func TestPatienceLeavesAShorterTimeoutAlone(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	for before, after := range map[string]string{"0": "2500ms", "1s": "1s", "1h": "2500ms"} {
		tx, err := pool.Begin(t.Context())
		require.NoError(t, err)
		var patience string
		_, err = tx.Exec(t.Context(), `SELECT set_config('idle_in_transaction_session_timeout', $1, true), contrail.inbox_claim('test', '{}', 0, '2.5 s')`, before)
		require.NoError(t, err)
		require.NoError(t, tx.QueryRow(t.Context(), `SHOW idle_in_transaction_session_timeout`).Scan(&patience))
		require.NoError(t, tx.Rollback(t.Context()))
		require.Equal(t, after, patience)
	}
}
