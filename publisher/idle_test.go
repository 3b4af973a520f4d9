package publisher_test

import (
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/localstack"
	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/publisher"
)

// A relay with nothing to do asks the database one thing each safety read, and nothing else. The server's log counts every statement.
// With CONTRAIL_LONG=1 it is the default relay, watched for more than ten seconds.
func TestIdleRelayOnlyMakesItsSafetyReads(t *testing.T) {
	t.Parallel()
	server := pgtest.Server(t, localstack.PostgresConfig{Settings: map[string]string{"log_statement": "all", "log_line_prefix": "<%p> "}})
	pool, err := pgxpool.New(t.Context(), server.URL())
	require.NoError(t, err)
	defer pool.Close()
	_, err = eventstore.Migrate(t.Context(), pool)
	require.NoError(t, err)
	insertEvents(t, pool, 10)
	js, _ := natstest.JetStream(t)

	cfg, wanted := publisher.Config{Identity: "idle", Wake: eventstore.Notify(200 * time.Millisecond)}, int64(10)
	if os.Getenv("CONTRAIL_LONG") != "" {
		cfg.Wake, wanted = eventstore.Wake{}, 3
	}
	relay := newRelay(t, pool, js, cfg)
	var reads atomic.Int64
	relay.OnPoint(func(point string) {
		if point == "before fetch" {
			reads.Add(1)
		}
	})
	stop := start(t, relay)
	awaitCaughtUp(t, pool, js)
	var pid int
	require.Eventually(t, func() bool { // until it sleeps
		return pool.QueryRow(t.Context(), `SELECT pid FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE classid = 1129270869
			AND mode = 'ExclusiveLock' AND application_name = 'contrail relay idle' AND state = 'idle' AND query LIKE '%horizon()%'`).Scan(&pid) == nil
	}, patience, time.Millisecond)
	began, statements, before := time.Now(), statementsOf(t, server), reads.Load()
	require.Eventually(t, func() bool { return reads.Load() >= before+wanted }, time.Minute, time.Millisecond)
	made, took := statementsOf(t, server)-statements, time.Since(began)
	t.Logf("%d statements in %s", made, took)
	// A few more are made where the machine stands still for a while; two for each read would be twice as many.
	require.LessOrEqual(t, made, int(took/cfg.Wake.Interval())+1+int(wanted)/2)
	require.NoError(t, stop())
}

// statementsOf counts what the server was asked, on whatever connection: the relay has more than one.
func statementsOf(tb testing.TB, server *localstack.Postgres) int {
	tb.Helper()
	log, err := os.ReadFile(server.LogPath())
	require.NoError(tb, err)
	count := 0
	for line := range strings.Lines(string(log)) {
		if strings.Contains(line, "LOG:  statement: ") || strings.Contains(line, "LOG:  execute ") {
			count++
		}
	}
	return count
}
