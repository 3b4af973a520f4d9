package publisher_test

import (
	"context"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
)

// A relay that polls and one that does not are each other's standbys.
func TestRelaysOfBothKindsExcludeEachOther(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	notifying, polls := impatient(), polling()
	notifying.Identity, polls.Identity = "notifying:1", "polling:2"
	leads := func(identity string) {
		require.Eventually(t, func() bool { return leaderOf(t, pool) == identity }, patience, 10*time.Millisecond)
		insertEvents(t, pool, 10)
		awaitCaughtUp(t, pool, js)
		require.Equal(t, identity, leaderOf(t, pool))
	}
	insertEvents(t, pool, 10)
	stopNotifying := start(t, newRelay(t, pool, js, notifying))
	leads("notifying:1")
	var free bool
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT pg_try_advisory_xact_lock(1129270870, hashtext('EVENTS'))`).Scan(&free))
	require.False(t, free, "as the standby that polls finds it")
	stopPolling := start(t, newRelay(t, pool, js, polls))
	leads("notifying:1")
	require.NoError(t, stopNotifying())
	leads("polling:2")

	stopNotifying = start(t, newRelay(t, pool, js, notifying))
	require.Eventually(t, func() bool {
		var waits bool
		err := pool.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = 1129270870 AND NOT granted
			AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))`).Scan(&waits)
		return err == nil && waits
	}, patience, 10*time.Millisecond)
	leads("polling:2")
	require.NoError(t, stopPolling())
	leads("notifying:1")
	require.NoError(t, stopNotifying())
	requireExact(t, pool, js)
}

// A relay that is told to stop leads until what is in flight is settled. If it loses its lock meanwhile, it writes no cursor any more.
func TestPollingLeaderThatDrainsStepsDownWithItsLock(t *testing.T) {
	t.Parallel()
	direct := pgtest.New(t)
	settings := direct.Config()
	settings.ConnConfig.RuntimeParams["application_name"] = "relay's"
	pool, err := pgxpool.NewWithConfig(t.Context(), settings)
	require.NoError(t, err)
	defer pool.Close()
	js, _ := natstest.JetStream(t)
	cfg := polling()
	cfg.Identity = "first:1"
	entered, release := make(chan struct{}), make(chan struct{})
	cfg.Middlewares = []message.HandlerMiddleware{func(next message.HandlerFunc) message.HandlerFunc {
		return func(msg *message.Message) ([]*message.Message, error) {
			close(entered)
			<-release
			return next(msg)
		}
	}}
	insertEvents(t, direct, 1)
	ctx, cancel := context.WithCancel(t.Context())
	relay, ended := newRelay(t, pool, js, cfg), make(chan error, 1)
	go func() { ended <- relay.Run(ctx) }()
	<-entered
	cancel()
	pause(t.Context(), 100*time.Millisecond)
	sessions := func() (count int) {
		require.NoError(t, direct.QueryRow(t.Context(), `SELECT count(*)::int FROM pg_stat_activity WHERE datname = current_database()
			AND application_name IN ('relay''s', 'contrail relay first:1')`).Scan(&count))
		return count
	}
	before := sessions()
	_, err = direct.Exec(t.Context(), `SELECT pg_terminate_backend(pid)`+leadershipSQL)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return sessions() == before-2 }, patience, 10*time.Millisecond, "the one that led, and the one that worked")
	close(release)
	require.NoError(t, <-ended)
	var saved int
	require.NoError(t, direct.QueryRow(t.Context(), `SELECT count(*)::int FROM contrail.relays WHERE position > 0`).Scan(&saved))
	require.Zero(t, saved)
}
