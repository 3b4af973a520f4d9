package publisher_test

import (
	"context"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/publisher"
)

// pooled returns a pool of ten clients of a proxy that pools transactions over three connections, and one that leads past it. The mode is
// what a user adds to the URL.
func pooled(tb testing.TB, mode string) (through, direct *pgxpool.Pool) {
	tb.Helper()
	direct = pgtest.New(tb)
	address, err := url.Parse(pgtest.Pooler(tb, direct.Config().ConnString(), 3))
	require.NoError(tb, err)
	query := address.Query()
	query.Set("default_query_exec_mode", mode)
	query.Set("pool_max_conns", "10")
	address.RawQuery = query.Encode()
	through, err = pgxpool.New(tb.Context(), address.String())
	require.NoError(tb, err)
	tb.Cleanup(through.Close)
	return through, direct
}

func polling() publisher.Config {
	cfg := impatient()
	cfg.Wake = eventstore.Poll(20 * time.Millisecond)
	return cfg
}

func leaderOf(tb testing.TB, pool *pgxpool.Pool) string {
	tb.Helper()
	var leader string
	require.NoError(tb, pool.QueryRow(context.Background(), `SELECT contrail.leader('EVENTS')`).Scan(&leader))
	return leader
}

// Relay and writers all go through the proxy.
func TestRelayPollsThroughAPooler(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"exec", "simple_protocol"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			pool, direct := pooled(t, mode)
			js, _ := natstest.JetStream(t)
			insertEvents(t, direct, 200)
			stopAppending := keepAppending(t, pool)
			cfg := polling()
			cfg.Identity = "polling:1"
			stop := start(t, newRelay(t, pool, js, cfg))
			require.Eventually(t, func() bool { return leaderOf(t, direct) == "polling:1" }, patience, 10*time.Millisecond)
			pause(t.Context(), 2*time.Second)
			stopAppending()
			awaitCaughtUp(t, pool, js)
			status, err := publisher.ReadStatus(t.Context(), pool, js, "EVENTS")
			require.NoError(t, err)
			require.Equal(t, "polling:1", status.Leader)
			require.NoError(t, stop())
			require.Empty(t, leaderOf(t, direct), "a relay that stops gives the leadership up")
			requireExact(t, pool, js)
			requireNothingLeft(t, direct)
		})
	}
}

// requireNothingLeft looks at what the relay may have left in the sessions of the proxy's.
func requireNothingLeft(tb testing.TB, direct *pgxpool.Pool) {
	tb.Helper()
	var locks, names int
	require.NoError(tb, direct.QueryRow(tb.Context(), `SELECT
		(SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))::int,
		(SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'contrail relay%')::int`).Scan(&locks, &names))
	require.Zero(tb, locks, "advisory locks are left")
	require.Zero(tb, names, "settings are left")
}

const leadershipSQL = ` FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'contrail relay first:1'`

// The leader's lock holds no vacuum back.
func TestPollingLeaderHoldsNoVacuumBack(t *testing.T) {
	t.Parallel()
	pool, direct := pooled(t, "exec")
	js, _ := natstest.JetStream(t)
	cfg := polling()
	cfg.Identity = "first:1"
	start(t, newRelay(t, pool, js, cfg))
	insertEvents(t, direct, 10)
	awaitCaughtUp(t, pool, js)
	require.Eventually(t, func() bool {
		var idle, holdsBack bool
		err := direct.QueryRow(t.Context(), `SELECT state = 'idle in transaction', backend_xid IS NOT NULL OR backend_xmin IS NOT NULL`+leadershipSQL).
			Scan(&idle, &holdsBack)
		return err == nil && idle && !holdsBack
	}, 4*time.Second, 10*time.Millisecond, "at once, and not with the second heartbeat")
}

// The leader's lock goes, and with it the leader: the standby takes over, and only one leads at a time.
func TestPollingStandbyTakesOver(t *testing.T) {
	t.Parallel()
	pool, direct := pooled(t, "exec")
	js, _ := natstest.JetStream(t)
	first, second := polling(), polling()
	first.Identity, second.Identity = "first:1", "second:2"
	first.RetryMin, first.RetryMax = time.Minute, time.Minute // it shall not be back at once
	start(t, newRelay(t, pool, js, first))
	insertEvents(t, direct, 10)
	awaitCaughtUp(t, pool, js)
	require.Equal(t, "first:1", leaderOf(t, direct))
	stop := start(t, newRelay(t, pool, js, second))
	insertEvents(t, direct, 10)
	awaitCaughtUp(t, pool, js)
	require.Equal(t, "first:1", leaderOf(t, direct))

	_, err := direct.Exec(t.Context(), `SELECT pg_terminate_backend(pid)`+leadershipSQL)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return leaderOf(t, direct) == "second:2" }, patience, 10*time.Millisecond)
	insertEvents(t, direct, 10)
	awaitCaughtUp(t, pool, js)
	require.NoError(t, stop())
	require.Empty(t, leaderOf(t, direct))
	requireExact(t, direct, js)
}

// The leader's process is killed; the proxy lets its transaction go.
func TestPollingLeaderIsKilled(t *testing.T) {
	t.Parallel()
	pool, direct := pooled(t, "exec")
	js, server := natstest.JetStream(t)
	insertEvents(t, direct, 500)
	process := relayProcess(pool, server.URL(), "after publish", 3)
	process.Env = append(process.Env, "CONTRAIL_TEST_POLL=20ms")
	startRelay(t, process)
	awaitKilled(t, process)
	stop := start(t, newRelay(t, pool, js, polling()))
	awaitCaughtUp(t, pool, js)
	require.NoError(t, stop())
	requireExact(t, direct, js)
}

// The leader freezes, and neither its connections nor the proxy's end: the server misses its heartbeat. It goes on as if nothing had happened.
func TestPollingLeaderFreezes(t *testing.T) {
	t.Parallel()
	pool, direct := pooled(t, "exec")
	js, server := natstest.JetStream(t)
	process := relayProcess(pool, server.URL(), "", 0)
	process.Env = append(process.Env, "CONTRAIL_TEST_POLL=20ms")
	startRelay(t, process)
	insertEvents(t, direct, 10)
	require.Eventually(t, func() bool { return leaderOf(t, direct) != "" }, patience, 10*time.Millisecond)
	require.NoError(t, process.Process.Signal(syscall.SIGSTOP))
	cfg := polling()
	cfg.Identity = "second:2"
	stop := start(t, newRelay(t, pool, js, cfg))
	require.Eventually(t, func() bool { return leaderOf(t, direct) == "second:2" }, patience, 10*time.Millisecond)
	require.NoError(t, process.Process.Signal(syscall.SIGCONT))
	insertEvents(t, direct, 500)
	awaitCaughtUp(t, pool, js)
	require.Equal(t, "second:2", leaderOf(t, direct))
	require.NoError(t, stop())
	requireExact(t, direct, js)
}

// A role's timeouts do not end what is meant to last.
func TestPollingLeaderOutlastsARolesTimeout(t *testing.T) {
	t.Parallel()
	pool, direct := pooled(t, "exec")
	_, err := direct.Exec(t.Context(), `DO $$ BEGIN
		EXECUTE format('ALTER DATABASE %I SET idle_in_transaction_session_timeout = 200', current_database()); END $$`)
	require.NoError(t, err)
	js, _ := natstest.JetStream(t)
	cfg := polling()
	cfg.Identity = "first:1"
	start(t, newRelay(t, pool, js, cfg))
	process := func() (pid int) {
		require.Eventually(t, func() bool {
			return direct.QueryRow(t.Context(), `SELECT pid`+leadershipSQL).Scan(&pid) == nil
		}, patience, 10*time.Millisecond)
		return pid
	}
	leading := process()
	timer := time.NewTimer(time.Second)
	defer timer.Stop()
	<-timer.C
	require.Equal(t, leading, process())
}

// insertSettled appends events and waits until the horizon is behind them: a relay that reads once finds them all.
func insertSettled(tb testing.TB, pool *pgxpool.Pool, count int) {
	tb.Helper()
	insertEvents(tb, pool, count)
	require.Eventually(tb, func() (settled bool) {
		err := pool.QueryRow(tb.Context(), `SELECT contrail.horizon() >= max(position) FROM contrail.events`).Scan(&settled)
		return err == nil && settled
	}, patience, 5*time.Millisecond)
}

// The leader's work ends with its lock, also when nothing is to be done for long: it is told, and does not find out.
func TestPollingLeaderStepsDownWithItsLock(t *testing.T) {
	t.Parallel()
	pool, direct := pooled(t, "exec")
	js, _ := natstest.JetStream(t)
	cfg := impatient()
	cfg.Identity, cfg.Wake = "first:1", eventstore.Poll(time.Hour)
	insertSettled(t, direct, 10)
	start(t, newRelay(t, pool, js, cfg))
	awaitCaughtUp(t, pool, js)
	insertSettled(t, direct, 10) // found by the first read of the next term only
	_, err := direct.Exec(t.Context(), `SELECT pg_terminate_backend(pid)`+leadershipSQL)
	require.NoError(t, err)
	awaitCaughtUp(t, pool, js)
	requireExact(t, direct, js)
}

// Where there is no session, asking for one is an error, and nothing is left behind.
func TestRelayThatNotifiesRefusesAPooler(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"exec", "cache_statement"} {
		pool, direct := pooled(t, mode)
		js, _ := natstest.JetStream(t)
		err := runFails(t, pool, js)
		require.ErrorIs(t, err, eventstore.ErrPooled)
		require.ErrorContains(t, err, "--wake poll")
		requireNothingLeft(t, direct)
	}
}

// A driver that prepares statements needs a word in the URL; the log says which.
func TestRelayNamesTheModeThatAPoolerNeeds(t *testing.T) {
	t.Parallel()
	pool, _ := pooled(t, "cache_statement")
	js, _ := natstest.JetStream(t)
	cfg, told := polling(), make(chan struct{})
	var once sync.Once
	cfg.Logger = slog.New(slog.NewTextHandler(writerFunc(func(line []byte) (int, error) {
		if strings.Contains(string(line), "add default_query_exec_mode=exec to the database's URL") {
			once.Do(func() { close(told) })
		}
		return len(line), nil
	}), nil))
	start(t, newRelay(t, pool, js, cfg))
	select {
	case <-told:
	case <-time.After(patience):
		require.FailNow(t, "no hint in the log")
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(line []byte) (int, error) { return f(line) }
