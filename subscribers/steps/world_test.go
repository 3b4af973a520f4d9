package steps_test

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/subscribers/steps"
)

const patience = 30 * time.Second

var (
	errBroken = errors.New("out of paper")
	permanent = contrail.Permanent(errBroken)
)

// newEffects returns a database with a table that steps write to.
func newEffects(tb testing.TB) *pgxpool.Pool {
	tb.Helper()
	pool := pgtest.New(tb)
	_, err := pool.Exec(tb.Context(), `CREATE TABLE effects (id bigint GENERATED ALWAYS AS IDENTITY, run text NOT NULL, effect text NOT NULL)`)
	require.NoError(tb, err)
	return pool
}

// effect is what steps do.
func effect(ctx context.Context, tx pgx.Tx, run *steps.State) error {
	return effectNamed(ctx, tx, run, run.Step())
}

func effectNamed(ctx context.Context, tx pgx.Tx, run *steps.State, name string) error {
	_, err := tx.Exec(ctx, `INSERT INTO effects (run, effect) VALUES ($1, $2)`, run.RunKey(), name)
	return err
}

// effects returns what was done, in its order.
func effects(tb testing.TB, pool *pgxpool.Pool, key string) []string {
	tb.Helper()
	return column[string](tb, pool, `SELECT effect FROM effects WHERE run = $1 ORDER BY id`, key)
}

// logged returns the steps of which the log says what.
func logged(tb testing.TB, pool *pgxpool.Pool, key, what string) []string {
	tb.Helper()
	return column[string](tb, pool, `SELECT l.step FROM contrail.run_log l JOIN contrail.runs r ON r.id = l.run
		WHERE r.key = $1 AND l.what = $2 ORDER BY l.number`, key, what)
}

// story is the log of a run.
func story(tb testing.TB, pool *pgxpool.Pool, key string) []string {
	tb.Helper()
	return column[string](tb, pool, `SELECT l.step || ' ' || l.what FROM contrail.run_log l JOIN contrail.runs r ON r.id = l.run
		WHERE r.key = $1 ORDER BY l.number`, key)
}

func column[T any](tb testing.TB, pool *pgxpool.Pool, sql string, args ...any) []T {
	tb.Helper()
	rows, err := pool.Query(tb.Context(), sql, args...)
	require.NoError(tb, err)
	list, err := pgx.CollectRows(rows, pgx.RowTo[T])
	require.NoError(tb, err)
	return list
}

func field[T any](tb testing.TB, pool *pgxpool.Pool, expression, key string) T {
	tb.Helper()
	list := column[T](tb, pool, `SELECT `+expression+` FROM contrail.runs WHERE key = $1`, key)
	require.Len(tb, list, 1)
	return list[0]
}

func statusOf(tb testing.TB, pool *pgxpool.Pool, key string) steps.Status {
	tb.Helper()
	return steps.Status(field[string](tb, pool, "state", key))
}

func change(tb testing.TB, pool *pgxpool.Pool, sql string, args ...any) {
	tb.Helper()
	tag, err := pool.Exec(tb.Context(), sql, args...)
	require.NoError(tb, err)
	require.NotZero(tb, tag.RowsAffected(), sql)
}

// makeDue ends the waiting of a run.
func makeDue(tb testing.TB, pool *pgxpool.Pool, key string) {
	tb.Helper()
	change(tb, pool, `UPDATE contrail.runs SET due_at = now() WHERE key = $1 AND due_at > now()`, key)
}

func newRunner(tb testing.TB, pool *pgxpool.Pool, options steps.Options) *steps.Runner {
	tb.Helper()
	runner, err := steps.New(pool, options)
	require.NoError(tb, err)
	return runner
}

// tx is a step that has an effect, and ends in what then returns.
func tx(name string, then func(run *steps.State) error) steps.Step {
	return steps.Tx(name, func(ctx context.Context, tx pgx.Tx, run *steps.State) error {
		if err := effect(ctx, tx, run); err != nil {
			return err
		}
		return then(run)
	})
}

func fine(*steps.State) error { return nil }

func broken(*steps.State) error { return errBroken }

// threeSteps are a, b and c, of which c returns a result.
func threeSteps() []steps.Step {
	return []steps.Step{tx("a", fine), tx("b", fine), tx("c", func(run *steps.State) error { return run.Return("done") })}
}

// times counts calls.
type times struct {
	mu    sync.Mutex
	calls map[string]int
}

func (t *times) add(name string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.calls == nil {
		t.calls = map[string]int{}
	}
	t.calls[name]++
	return t.calls[name]
}

func (t *times) of(name string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.calls[name]
}

// receive waits for a signal.
func receive[T any](tb testing.TB, from <-chan T) T {
	tb.Helper()
	select {
	case got := <-from:
		return got
	case <-time.After(patience):
		require.FailNow(tb, "nothing comes")
		panic("unreachable")
	}
}

func eventually(tb testing.TB, condition func() bool) {
	tb.Helper()
	require.Eventually(tb, condition, patience, 10*time.Millisecond)
}

// requireResult wants a run to have finished with that result.
func requireResult(tb testing.TB, want string, result json.RawMessage, err error) {
	tb.Helper()
	require.NoError(tb, err)
	require.JSONEq(tb, want, string(result))
}
