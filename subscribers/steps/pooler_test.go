package steps_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/subscribers/steps"
)

// Behind a pooler that hands out a connection for a transaction at a time, with statements that are not prepared, all is the same.
func TestBehindAPooler(t *testing.T) {
	t.Parallel()
	for name, mode := range map[string]pgx.QueryExecMode{"exec": pgx.QueryExecModeExec, "simple protocol": pgx.QueryExecModeSimpleProtocol} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			direct := newPhased(t)
			config, err := pgxpool.ParseConfig(pgtest.Pooler(t, direct.Config().ConnString(), 2))
			require.NoError(t, err)
			config.ConnConfig.DefaultQueryExecMode = mode
			pool, err := pgxpool.NewWithConfig(t.Context(), config)
			require.NoError(t, err)
			defer pool.Close()
			for range 2 {
				_, err = steps.Run(t.Context(), pool, childKey, map[string]int{"n": 1}, phased(pool, func(string) {})...)
				require.ErrorIs(t, err, steps.ErrFailed)
			}
			require.Equal(t, whatIsDone(), effects(t, direct, childKey))
			result, err := steps.Run(t.Context(), pool, "result", nil, threeSteps()...)
			requireResult(t, `"done"`, result, err)
		})
	}
}
