package publisher

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
)

const patient = 30 * time.Second

// obeyed returns what to obey with, and a channel, which no test fills, of what was obeyed.
func obeyed() (told chan string, obey func(string)) {
	told = make(chan string, 100)
	return told, func(command string) { told <- command }
}

func testMonitor(pool *pgxpool.Pool, obey func(string)) *monitor {
	return newMonitor(pool, nil, Config{}.withDefaults(), obey)
}

// watched runs a monitor until the test ends or the returned function is called.
func watched(tb testing.TB, m *monitor) (stop func()) {
	tb.Helper()
	ctx, cancel := context.WithCancel(tb.Context())
	ended := make(chan error, 1)
	go func() { ended <- m.run(ctx) }()
	var once sync.Once
	stop = func() { once.Do(func() { cancel(); require.NoError(tb, <-ended) }) }
	tb.Cleanup(stop)
	return stop
}

func connection(tb testing.TB, pool *pgxpool.Pool, mode string) *pgx.Conn {
	tb.Helper()
	config := pool.Config().ConnConfig.Copy()
	config.DefaultQueryExecMode = map[string]pgx.QueryExecMode{
		"cache_statement": pgx.QueryExecModeCacheStatement, "cache_describe": pgx.QueryExecModeCacheDescribe,
		"describe_exec": pgx.QueryExecModeDescribeExec, "exec": pgx.QueryExecModeExec, "simple_protocol": pgx.QueryExecModeSimpleProtocol,
	}[mode]
	conn, err := pgx.ConnectConfig(tb.Context(), config)
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = conn.Close(context.WithoutCancel(tb.Context())) })
	return conn
}

func ask[T any](tb testing.TB, pool *pgxpool.Pool, query string, args ...any) (value T) {
	tb.Helper()
	require.NoError(tb, pool.QueryRow(tb.Context(), query, args...).Scan(&value))
	return value
}

func execute(tb testing.TB, pool *pgxpool.Pool, statement string, args ...any) {
	tb.Helper()
	_, err := pool.Exec(tb.Context(), statement, args...)
	require.NoError(tb, err)
}

// Whoever deletes the row stops the relay, also between its registration and its first heartbeat.
func TestRowIsDeletedBeforeTheFirstBeat(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	told, obey := obeyed()
	m := testMonitor(pool, obey)
	conn := connection(t, pool, "cache_statement")
	require.NoError(t, m.register(t.Context(), conn, stateStandby))
	execute(t, pool, `DELETE FROM contrail.relay_processes`)
	_, err := m.beat(t.Context(), conn)
	require.NoError(t, err)
	require.Len(t, told, 1)
	require.Equal(t, commandStop, <-told)
}

// The statement does all of its work in each of the driver's modes, whatever a proxy asks for.
func TestBeat(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"cache_statement", "cache_describe", "describe_exec", "exec", "simple_protocol"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			pool := pgtest.New(t)
			conn := connection(t, pool, mode)
			told, obey := obeyed()
			m := testMonitor(pool, obey)
			m.enter(stateLeading)
			require.True(t, m.due())
			got, err := m.beat(t.Context(), conn)
			require.NoError(t, err)
			require.Equal(t, pulse{}, got)
			require.False(t, m.due())

			execute(t, pool, `INSERT INTO contrail.events (stream, version, type, data, recorded_at)
				SELECT 'test-1', n, 'Counted', '{}', now() - interval '1 hour' FROM generate_series(1, 5) n`)
			execute(t, pool, `INSERT INTO contrail.relays (stream, position, requests, paused_at) VALUES ('EVENTS', 2, 7, now())`)
			execute(t, pool, `UPDATE contrail.relay_processes SET command = 'pause', command_by = 'ada', beat_at = now() - interval '1 hour'`)
			m.statistics.addPublished(acknowledged(event(1, time.Now()), event(1, time.Now().Add(-time.Minute))), 2)
			m.statistics.addParked(3)
			m.statistics.addRetried(context.DeadlineExceeded)
			got, err = m.beat(t.Context(), conn)
			require.NoError(t, err)
			require.Equal(t, pulse{horizon: 5, requests: 7, paused: true}, got)
			require.Equal(t, commandPause, <-told)
			var row struct {
				Relay, State, LastError               string
				Published, Parked, Retried, LagEvents int64
				Latency, LagSeconds, DatabaseRTT      float64
				P50, P90, P99, Max                    float64
			}
			var command *string
			require.NoError(t, pool.QueryRow(t.Context(), `SELECT relay, state, last_error, published, parked, retried, lag_events, latency, lag_seconds,
					database_rtt, command, latency_p50, latency_p90, latency_p99, latency_max FROM contrail.relay_processes WHERE id = $1::uuid AND beat_at > now() - interval '1 minute'`, m.id.String()).
				Scan(&row.Relay, &row.State, &row.LastError, &row.Published, &row.Parked, &row.Retried, &row.LagEvents, &row.Latency, &row.LagSeconds,
					&row.DatabaseRTT, &command, &row.P50, &row.P90, &row.P99, &row.Max))
			require.Nil(t, command)
			require.Equal(t, []any{"EVENTS", "leading", "context deadline exceeded"}, []any{row.Relay, row.State, row.LastError})
			require.Equal(t, []int64{2, 3, 1, 3}, []int64{row.Published, row.Parked, row.Retried, row.LagEvents})
			require.InDelta(t, 60, row.Latency, 30)
			require.Less(t, row.P50, 30.0, "of two events one was fast")
			require.InDelta(t, 60, row.P90, 30)
			require.InDelta(t, 60, row.P99, 30)
			require.InDelta(t, 60, row.Max, 30)
			require.InDelta(t, 3600, row.LagSeconds, 30)
			require.Positive(t, row.DatabaseRTT)

			var commits string
			require.NoError(t, conn.QueryRow(t.Context(), `SELECT current_setting('synchronous_commit')`).Scan(&commits))
			require.Equal(t, "on", commits, "the session keeps its own setting")
		})
	}
}

// A standby knows no position of its own; the stream's lag is its lag, too. Positions that nobody took are no lag.
func TestLag(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	conn := connection(t, pool, "cache_statement")
	m := testMonitor(pool, func(string) {})
	lag := func() int64 {
		_, err := m.beat(t.Context(), conn)
		require.NoError(t, err)
		return ask[int64](t, pool, `SELECT lag_events FROM contrail.relay_processes`)
	}
	execute(t, pool, `INSERT INTO contrail.events (stream, version, type, data) VALUES ('test-1', 1, 'Counted', '{}'), ('test-1', 2, 'Counted', '{}')`)
	require.EqualValues(t, 2, lag())
	execute(t, pool, `INSERT INTO contrail.relays (stream, position) VALUES ('EVENTS', 2)`)
	require.EqualValues(t, 0, lag())
	m.enter(stateLeading)
	m.published(t.Context(), acknowledged(event(1, time.Now())), 1)
	require.EqualValues(t, 1, lag(), "the leader's cursor may be saved a little later, or earlier")
	m.enter(stateStandby)
	require.EqualValues(t, 0, lag())
	require.Error(t, pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(t.Context(), `INSERT INTO contrail.events (stream, version, type, data) VALUES ('test-2', 1, 'Counted', '{}')`)
		require.NoError(t, err)
		return context.Canceled
	}))
	require.EqualValues(t, 0, lag())
	require.Zero(t, ask[float64](t, pool, `SELECT lag_seconds FROM contrail.relay_processes`))
}

// However many beat at once, one of them takes the command.
func TestCommandsAreTakenOnce(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	told, obey := obeyed()
	m := testMonitor(pool, obey)
	_, err := m.beat(t.Context(), connection(t, pool, "exec"))
	require.NoError(t, err)
	var beating sync.WaitGroup
	ctx, stop := context.WithCancel(t.Context())
	for range 4 {
		conn := connection(t, pool, "cache_statement")
		beating.Go(func() {
			for ctx.Err() == nil {
				_, err := m.beat(context.WithoutCancel(ctx), conn)
				if err != nil {
					t.Errorf("beat: %v", err)
				}
			}
		})
	}
	for n := range 50 {
		command := []string{commandPause, commandResume}[n%2]
		execute(t, pool, `UPDATE contrail.relay_processes SET command = $1`, command)
		require.Equal(t, command, <-told)
	}
	stop()
	beating.Wait()
	require.Empty(t, told)
}

// Each relay has a row of its own, and takes only what is meant for it. It deletes the row when it ends.
func TestSeveralMonitors(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	toldFirst, obeyFirst := obeyed()
	toldSecond, obeySecond := obeyed()
	first, second := testMonitor(pool, obeyFirst), testMonitor(pool, obeySecond)
	stopFirst, stopSecond := watched(t, first), watched(t, second)
	states := func(want string) func() bool {
		return func() bool {
			return ask[string](t, pool, `SELECT coalesce(string_agg(state, ',' ORDER BY state), '') FROM contrail.relay_processes`) == want
		}
	}
	require.Eventually(t, states("standby,standby"), patient, 5*time.Millisecond)
	first.enter(stateLeading)
	require.Eventually(t, states("leading,standby"), patient, 5*time.Millisecond, "it is told at once, before the next beat is due")
	execute(t, pool, `UPDATE contrail.relay_processes SET command = 'stop' WHERE id = $1::uuid`, second.id.String())
	second.hasten()
	require.Equal(t, commandStop, <-toldSecond)
	stopSecond()
	require.True(t, states("leading")())
	require.Empty(t, toldFirst)
	stopFirst()
	require.True(t, states("")())
	_, err := first.beat(t.Context(), connection(t, pool, "exec"))
	require.NoError(t, err)
	require.True(t, states("")(), "no beat brings back the row of a relay that has ended")
	require.Empty(t, toldFirst)
}

// A beat that was slow may come after one that told a newer state: what is told in the end is the newest.
func TestSlowBeatTellsAnOldState(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	m := testMonitor(pool, func(string) {})
	slow, fast := connection(t, pool, "exec"), connection(t, pool, "exec")
	_, err := m.beat(t.Context(), slow)
	require.NoError(t, err)
	blocker, err := pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = blocker.Exec(t.Context(), `SELECT FROM contrail.relay_processes FOR UPDATE`)
	require.NoError(t, err)
	waiting := func(n int) {
		require.Eventually(t, func() bool {
			return ask[int](t, pool, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`) == n
		}, patient, 5*time.Millisecond)
	}
	var beats sync.WaitGroup
	beats.Go(func() { _, _ = m.beat(t.Context(), slow) })
	waiting(1)
	m.enter(stateLeading)
	beats.Go(func() { _, _ = m.beat(t.Context(), fast) })
	waiting(2)
	require.NoError(t, blocker.Rollback(t.Context()))
	beats.Wait()
	require.True(t, m.due(), "what is told may be old")
	watched(t, m)
	require.Eventually(t, func() bool { return ask[string](t, pool, `SELECT state FROM contrail.relay_processes`) == stateLeading }, patient, 5*time.Millisecond)
}

// A relay that does something else tells so at once, by whoever is first; one that does what it did before has nothing to tell.
func TestEnterIsToldSoon(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	m := testMonitor(pool, func(string) {})
	_, err := m.beat(t.Context(), connection(t, pool, "exec"))
	require.NoError(t, err)
	m.enter(stateStandby)
	require.False(t, m.due())
	require.Empty(t, m.soon)
	m.enter(stateLeading)
	require.True(t, m.due())
	require.Len(t, m.soon, 1)
}

// hasten makes a beat due, as time does.
func (m *monitor) hasten() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tried = time.Time{}
	m.hurry()
}

// A row that is gone stops the relay, once; but not when another relay has swept it away while this one slept, nor when the server may have lost
// it in a crash.
func TestRowIsGone(t *testing.T) {
	t.Parallel()
	t.Run("deleted", func(t *testing.T) {
		t.Parallel()
		pool := pgtest.New(t)
		told, obey := obeyed()
		m, conn := testMonitor(pool, obey), connection(t, pool, "exec")
		_, err := m.beat(t.Context(), conn)
		require.NoError(t, err)
		execute(t, pool, `DELETE FROM contrail.relay_processes`)
		for range 3 {
			_, err = m.beat(t.Context(), conn)
			require.NoError(t, err)
		}
		require.Equal(t, commandStop, <-told)
		require.Empty(t, told)
		require.Zero(t, ask[int](t, pool, `SELECT count(*) FROM contrail.relay_processes`))
	})
	for name, change := range map[string]func(m *monitor){
		"asleep":    func(m *monitor) { m.beaten = m.beaten.Add(-25 * time.Hour) },
		"restarted": func(m *monitor) { m.server = m.server.Add(-time.Second) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := pgtest.New(t)
			told, obey := obeyed()
			m, conn := testMonitor(pool, obey), connection(t, pool, "exec")
			_, err := m.beat(t.Context(), conn)
			require.NoError(t, err)
			execute(t, pool, `DELETE FROM contrail.relay_processes`)
			change(m)
			for range 2 {
				_, err = m.beat(t.Context(), conn)
				require.NoError(t, err)
			}
			require.Empty(t, told)
			require.Equal(t, 1, ask[int](t, pool, `SELECT count(*) FROM contrail.relay_processes`))
		})
	}
}

// Rows of relays that have not beaten for a day are swept away when another one begins.
func TestOldRowsAreSwept(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	execute(t, pool, `INSERT INTO contrail.relay_processes (id, relay, identity, host, pid, state, beat_at)
		SELECT gen_random_uuid(), 'EVENTS', age, 'h', 1, 'standby', now() - age::interval FROM unnest(ARRAY['23 hours', '25 hours']) age`)
	_, err := testMonitor(pool, func(string) {}).beat(t.Context(), connection(t, pool, "exec"))
	require.NoError(t, err)
	require.Equal(t, 1, ask[int](t, pool, `SELECT count(*) FROM contrail.relay_processes WHERE identity = '23 hours'`))
	require.Zero(t, ask[int](t, pool, `SELECT count(*) FROM contrail.relay_processes WHERE identity = '25 hours'`))
}

// A server that only reads is a standby, also where the connection was to the primary before.
func TestBeatOnStandby(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	conn := connection(t, pool, "exec")
	m := testMonitor(pool, func(string) {})
	for range 2 {
		_, err := conn.Exec(t.Context(), `SET default_transaction_read_only = on`)
		require.NoError(t, err)
		_, err = m.beat(t.Context(), conn)
		require.ErrorIs(t, err, eventstore.ErrStandby)
		require.ErrorContains(t, err, "connect to the primary")
		_, err = conn.Exec(t.Context(), `SET default_transaction_read_only = off`)
		require.NoError(t, err)
		_, err = m.beat(t.Context(), conn)
		require.NoError(t, err)
	}
}

// Whatever the database does, a monitor goes on.
func TestMonitorOutlastsTheDatabase(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	m := testMonitor(pool, func(string) {})
	execute(t, pool, `ALTER TABLE contrail.relay_processes RENAME TO away`)
	stop := watched(t, m)
	tried := func() time.Time { m.mu.Lock(); defer m.mu.Unlock(); return m.tried }
	require.Eventually(t, func() bool { return !tried().IsZero() }, patient, 5*time.Millisecond)
	execute(t, pool, `ALTER TABLE contrail.away RENAME TO relay_processes`)
	require.Eventually(t, func() bool {
		m.hasten()
		return ask[int](t, pool, `SELECT count(*) FROM contrail.relay_processes`) == 1
	}, patient, 5*time.Millisecond)
	stop()
	require.Zero(t, ask[int](t, pool, `SELECT count(*) FROM contrail.relay_processes`))
}

// Counters and heartbeats go on while nothing works but the monitor: every batch fails, and the broker is down.
func TestMetricsWhileEveryBatchFails(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	server := natstest.Start(t)
	m := newMonitor(pool, natstest.Connect(t, server.URL()), Config{}.withDefaults(), func(string) {})
	watched(t, m)
	m.enter(stateLeading)
	require.Eventually(t, func() bool {
		m.hasten()
		return ask[int](t, pool, `SELECT count(*) FROM contrail.relay_processes WHERE state = 'leading' AND broker_rtt > 0 AND rss > 0`) == 1
	}, patient, 5*time.Millisecond)
	require.NoError(t, server.Close())
	for n := range 10 {
		m.retried(t.Context(), context.DeadlineExceeded)
		before := ask[time.Time](t, pool, `SELECT beat_at FROM contrail.relay_processes`)
		m.hasten()
		require.Eventually(t, func() bool {
			return ask[int](t, pool, `SELECT count(*) FROM contrail.relay_processes WHERE retried = $1 AND beat_at > $2 AND last_error <> ''`, n+1, before) == 1
		}, patient, 5*time.Millisecond)
	}
	m.statistics.forgetMeasurement()
	m.hasten()
	require.Eventually(t, func() bool {
		m.hasten()
		return ask[float64](t, pool, `SELECT broker_rtt FROM contrail.relay_processes`) == 0
	}, patient, 5*time.Millisecond)
}

// forgetMeasurement makes a measurement due, as time does.
func (s *statistics) forgetMeasurement() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.measured = time.Time{}
}
