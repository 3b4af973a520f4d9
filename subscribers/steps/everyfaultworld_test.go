package steps_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/pgfault"
	"github.com/contrail-events/contrail/subscribers/steps"
)

// faultWorld is a database, and a provider outside it that recognises repeated requests by their key. Any number of runs may happen in
// it, and in any number of processes.
type faultWorld struct {
	url  string
	dir  string        // of the provider, which keeps a file for each key
	pool *pgxpool.Pool // without faults
}

// faultEffectSQL is not idempotent, so that a second effect shows.
const faultEffectSQL = `INSERT INTO effects (run, what, times) VALUES ($1, $2, 1) ON CONFLICT (run, what) DO UPDATE SET times = effects.times + 1`

func openFaultWorld(ctx context.Context, address, dir string) (*faultWorld, error) {
	pool, _, err := pgfault.Open(ctx, address)
	return &faultWorld{url: address, dir: dir, pool: pool}, err
}

func newFaultWorld(t *testing.T, address string) *faultWorld {
	t.Helper()
	w, err := openFaultWorld(context.WithoutCancel(t.Context()), address, t.TempDir())
	require.NoError(t, err)
	t.Cleanup(w.pool.Close)
	_, err = w.pool.Exec(t.Context(), `CREATE TABLE effects (run text, what text, times int NOT NULL, PRIMARY KEY (run, what))`)
	require.NoError(t, err)
	return w
}

// took takes an effect in a step's transaction.
func (*faultWorld) took(ctx context.Context, tx pgx.Tx, run *steps.State, format string, args ...any) error {
	_, err := tx.Exec(ctx, faultEffectSQL, run.RunKey(), fmt.Sprintf(format, args...))
	return err
}

// request asks the provider for an effect, which it takes once for a key.
func (w *faultWorld) request(key string) (receipt string, err error) {
	return "receipt for " + key, os.WriteFile(filepath.Join(w.dir, url.PathEscape(key)), nil, 0o600)
}

// complete begins a run again and again, as its callers would, until it has ended. No time passes but what is passed over.
func (w *faultWorld) complete(ctx context.Context, pool *pgxpool.Pool, key string, flow faultFlow) (result json.RawMessage, err error) {
	for range 60 {
		result, err = steps.Run(ctx, pool, key, faultArgs(), flow.steps(w)...)
		switch {
		case err == nil, errors.Is(err, steps.ErrFailed):
			return result, err
		case errors.Is(err, steps.ErrWaiting), errors.Is(err, steps.ErrLocked):
			if err := w.pass(ctx, key); err != nil {
				return nil, err
			}
		}
	}
	return nil, fmt.Errorf("run %s does not end: %w", key, err)
}

// pass has the time pass that a run waits for, and that the lease of a dead process lasts: nobody else is at work on it.
func (w *faultWorld) pass(ctx context.Context, key string) error {
	_, err := w.pool.Exec(ctx, `WITH past AS (
			UPDATE contrail.runs SET due_at = least(due_at, now()), locked_until = least(locked_until, now() - interval '1 s') WHERE key = $1 RETURNING id
		) UPDATE contrail.run_leases SET until = now() - interval '1 s' WHERE run IN (SELECT id FROM past)`, key)
	return err
}

// verify requires all that is to be so when a run has ended.
func (w *faultWorld) verify(t *testing.T, key string, flow faultFlow, err error) {
	t.Helper()
	if flow.status == steps.Finished {
		require.NoError(t, err)
	} else {
		require.ErrorIs(t, err, steps.ErrFailed)
	}
	var id, status string
	var unlocked bool
	var rows int
	err = w.pool.QueryRow(t.Context(), `SELECT max(id::text), max(state), bool_and(locked_until IS NULL AND due_at IS NULL AND ended_at IS NOT NULL), count(*)
		FROM contrail.runs WHERE key = $1`, key).Scan(&id, &status, &unlocked, &rows)
	require.NoError(t, err)
	require.Equal(t, 1, rows, "runs")
	require.Equal(t, string(flow.status), status)
	require.True(t, unlocked, "it has ended, and nobody holds it")
	require.Equal(t, faultOnce(flow.succeed...), w.count(t, `SELECT step, count(*) FROM contrail.run_log WHERE run = $1 AND what = 'succeeded' GROUP BY step`, id))
	require.Equal(t, faultOnce(flow.undone...), w.count(t, `SELECT step, count(*) FROM contrail.run_log WHERE run = $1 AND what = 'undone' GROUP BY step`, id))
	require.Equal(t, faultOnce(flow.effects...), w.count(t, `SELECT what, times FROM effects WHERE run = $1`, key))
	require.Equal(t, flow.keys(id), w.known(t, id), "effects outside")
	require.Equal(t, flow.events, w.count(t, `SELECT type, count(*) FROM contrail.events WHERE stream = 'order-' || $1 GROUP BY type`, id))
}

// count reads names with a count.
func (w *faultWorld) count(t *testing.T, query string, arg string) map[string]int {
	t.Helper()
	type line struct {
		Name  string
		Times int
	}
	rows, err := w.pool.Query(t.Context(), query, arg)
	require.NoError(t, err)
	lines, err := pgx.CollectRows(rows, pgx.RowToStructByPos[line])
	require.NoError(t, err)
	counts := make(map[string]int, len(lines))
	for _, each := range lines {
		counts[each.Name] = each.Times
	}
	return counts
}

// known returns the keys by which the provider has taken effect for a run.
func (w *faultWorld) known(t *testing.T, run string) []string {
	t.Helper()
	files, err := os.ReadDir(w.dir)
	require.NoError(t, err)
	keys := []string{}
	for _, file := range files {
		key, err := url.PathUnescape(file.Name())
		require.NoError(t, err)
		if strings.HasPrefix(key, run) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

func faultOnce(names ...string) map[string]int {
	counts := make(map[string]int, len(names))
	for _, name := range names {
		counts[name] = 1
	}
	return counts
}

// faultLater is so far off that nobody waits for it.
const faultLater = 14 * 24 * time.Hour
