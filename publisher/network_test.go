package publisher_test

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/internal/proxytest"
	"github.com/contrail-events/contrail/publisher"
)

// badNetwork is what happens between the relay and one of its servers. It may be over when spoil returns, and is when the test heals the network.
type badNetwork struct {
	spoil  func(tb testing.TB, proxy *proxytest.Proxy)
	passes bool // the relay gets on while it lasts
	cuts   bool // connections are lost
}

var badNetworks = map[string]badNetwork{
	"latency with jitter":     {spoil: with(proxytest.Latency(20*time.Millisecond, 15*time.Millisecond)), passes: true},
	"low bandwidth":           {spoil: with(proxytest.Bandwidth(50)), passes: true},
	"small pieces":            {spoil: with(proxytest.Slicer(200, 50, 100*time.Microsecond)), passes: true},
	"broken off in mid-batch": {spoil: cutBy(proxytest.LimitData(20_000)), cuts: true},
	"slow and broken off":     {spoil: cutBy(proxytest.Latency(5*time.Millisecond, 5*time.Millisecond), proxytest.LimitData(20_000)), cuts: true},
	"resets by the peer":      {spoil: cutBy(proxytest.ResetPeer(10 * time.Millisecond)), cuts: true},
	"timeouts":                {spoil: cutBy(proxytest.Timeout(100 * time.Millisecond)), cuts: true},
	"silence":                 {spoil: enduring(proxytest.Timeout(0)), cuts: true},
	"answers lost":            {spoil: enduring(proxytest.Timeout(0).Downstream()), cuts: true},
	"half-open connections":   {spoil: func(_ testing.TB, proxy *proxytest.Proxy) { proxy.HalfOpen() }, passes: true, cuts: true},
	"resets again and again": {cuts: true, spoil: func(tb testing.TB, proxy *proxytest.Proxy) {
		tb.Helper()
		for range rounds(20, 500) {
			pause(tb.Context(), 100*time.Millisecond)
			proxy.Reset()
		}
	}},
	"nothing gets through": {cuts: true, spoil: func(_ testing.TB, proxy *proxytest.Proxy) {
		proxy.Disable()
		endure(time.Second)
		proxy.Enable()
	}},
}

func with(toxics ...proxytest.Toxic) func(testing.TB, *proxytest.Proxy) {
	return func(_ testing.TB, proxy *proxytest.Proxy) { proxy.Add(toxics...) }
}

// cutBy lasts until the toxics have ended several connections.
func cutBy(toxics ...proxytest.Toxic) func(testing.TB, *proxytest.Proxy) {
	return func(tb testing.TB, proxy *proxytest.Proxy) {
		tb.Helper()
		before := proxy.Ended()
		proxy.Add(toxics...)
		require.Eventually(tb, func() bool { return proxy.Ended() >= before+rounds(5, 50) }, recovery, 10*time.Millisecond)
	}
}

func enduring(toxics ...proxytest.Toxic) func(testing.TB, *proxytest.Proxy) {
	return func(_ testing.TB, proxy *proxytest.Proxy) {
		proxy.Add(toxics...)
		endure(2 * time.Second)
	}
}

// endure lets time pass: what is bad about these networks is that they last.
func endure(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	<-timer.C
}

// The network between the relay and the broker is bad in every way, while events are appended.
func TestRelayOutlastsBadNetworksToTheBroker(t *testing.T) {
	t.Parallel()
	for name, network := range badNetworks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := pgtest.New(t)
			direct, server := natstest.JetStream(t)
			proxy := proxytest.New(t, strings.TrimPrefix(server.URL(), "nats://"))
			conn := natstest.Connect(t, "nats://"+proxy.Addr(), nats.PingInterval(300*time.Millisecond), nats.MaxPingsOutstanding(2))
			js, err := jetstream.New(conn)
			require.NoError(t, err)
			outlast(t, network, proxy, overNetwork{relayPool: pool, relayJS: js, pool: pool, js: direct})
			if network.cuts {
				require.NotZero(t, conn.Stats().Reconnects)
			}
		})
	}
}

// Likewise between the relay and the database. A connection that was lost costs the relay its leadership, and it leads again.
func TestRelayOutlastsBadNetworksToTheDatabase(t *testing.T) {
	t.Parallel()
	for name, network := range badNetworks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := pgtest.New(t)
			direct, _ := natstest.JetStream(t)
			relayPool, proxy := throughProxy(t, pool)
			before, after := outlast(t, network, proxy, overNetwork{relayPool: relayPool, relayJS: direct, pool: pool, js: direct})
			if network.cuts {
				require.NotEqual(t, before, after, "the leadership goes with the connection")
			}
		})
	}
}

// throughProxy returns a pool for the same database that goes through a proxy.
func throughProxy(tb testing.TB, pool *pgxpool.Pool) (*pgxpool.Pool, *proxytest.Proxy) {
	tb.Helper()
	address, err := url.Parse(pool.Config().ConnString())
	require.NoError(tb, err)
	proxy := proxytest.New(tb, address.Host)
	address.Host = proxy.Addr()
	proxied, err := pgxpool.New(tb.Context(), address.String())
	require.NoError(tb, err)
	tb.Cleanup(proxied.Close)
	return proxied, proxy
}

// A standby whose connection has become half open, which nobody has noticed, takes over all the same when the leader goes.
func TestStandbyTakesOverThoughItsConnectionIsHalfOpen(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	appending := keepAppending(t, pool)
	stopLeader := start(t, newRelay(t, pool, js, impatient()))
	awaitProgress(t, js)
	proxied, proxy := throughProxy(t, pool)
	stop := start(t, newRelay(t, proxied, js, impatient()))
	require.Eventually(t, func() bool {
		var waits bool
		err := pool.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = 1129270870
			AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))`).Scan(&waits)
		return err == nil && waits
	}, patience, 10*time.Millisecond)
	proxy.HalfOpen()
	require.NoError(t, stopLeader())
	awaitProgress(t, js)
	appending()
	awaitCaughtUp(t, pool, js)
	require.NoError(t, stop())
	requireExact(t, pool, js)
}

// Where nothing is wrong with the network, nothing is sent twice, or asked for again.
func TestRelayIsNotInterruptedWithoutACause(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	var log warnings
	appending := keepAppending(t, pool)
	insertEvents(t, pool, 5000)
	stop := start(t, newRelay(t, pool, js, publisher.Config{
		BatchEvents: 20, AckTimeout: time.Minute, Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn})),
	}))
	require.Eventually(t, func() bool { sequence, err := lastSequence(js); return err == nil && sequence > 5500 }, recovery, 10*time.Millisecond)
	appending()
	awaitCaughtUp(t, pool, js)
	require.NoError(t, stop())
	require.Zero(t, log.lines.Load(), "the first: %v", log.first.Load())
	requireExact(t, pool, js)
}

// warnings counts the lines that it is given, and keeps the first.
type warnings struct {
	lines atomic.Int64
	first atomic.Value
}

func (w *warnings) Write(line []byte) (int, error) {
	if w.lines.Add(1) == 1 {
		w.first.Store(string(line))
	}
	return len(line), nil
}

// The connection to the broker is reset between the two halves of a batch, again and again, and is back before the second half is sent.
func TestRelayOutlastsResetsInMidBatch(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	direct, server := natstest.JetStream(t)
	createForgetful(t, direct, 1)
	proxy := proxytest.New(t, strings.TrimPrefix(server.URL(), "nats://"))
	conn := natstest.Connect(t, "nats://"+proxy.Addr())
	js, err := jetstream.New(conn)
	require.NoError(t, err)
	relay := newRelay(t, pool, js, impatient())
	var resets atomic.Int64
	most := int64(rounds(30, 1000))
	relay.OnPoint(func(point string) {
		if point != "in mid-batch" || rand.N(4) > 0 || resets.Add(1) > most {
			return
		}
		before := conn.Stats().Reconnects
		proxy.Reset()
		for deadline := time.Now().Add(patience); conn.Stats().Reconnects == before && time.Now().Before(deadline); {
			pause(t.Context(), time.Millisecond)
		}
	})
	appending := keepAppending(t, pool)
	insertEvents(t, pool, 5000)
	stop := start(t, relay)
	require.Eventually(t, func() bool { return resets.Load() >= most }, recovery, 10*time.Millisecond)
	appending()
	awaitCaughtUp(t, pool, direct)
	require.NoError(t, stop())
	requireExact(t, pool, direct)
}

// overNetwork is a relay's way to its servers, and the test's own.
type overNetwork struct {
	relayPool *pgxpool.Pool
	relayJS   jetstream.JetStream
	pool      *pgxpool.Pool
	js        jetstream.JetStream
}

// outlast runs a relay while the network goes bad, and is well again, and returns who led before and after.
func outlast(tb testing.TB, network badNetwork, proxy *proxytest.Proxy, over overNetwork) (before, after int) {
	tb.Helper()
	createForgetful(tb, over.js, 1)
	appending := keepAppending(tb, over.pool)
	stop := start(tb, newRelay(tb, over.relayPool, over.relayJS, impatient()))
	awaitProgress(tb, over.js)
	before = leadingSession(tb, over.pool)
	insertEvents(tb, over.pool, 5000) // batches are full, and many on their way
	network.spoil(tb, proxy)
	if network.passes {
		awaitProgress(tb, over.js)
	}
	proxy.Remove()
	awaitProgress(tb, over.js)
	appending()
	awaitCaughtUp(tb, over.pool, over.js)
	after = leadingSession(tb, over.pool)
	require.NoError(tb, stop())
	requireExact(tb, over.pool, over.js)
	return before, after
}

// leadingSession is the server's process that holds the leadership.
func leadingSession(tb testing.TB, pool *pgxpool.Pool) (pid int) {
	tb.Helper()
	require.Eventually(tb, func() bool {
		return pool.QueryRow(context.Background(), `SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND classid = 1129270870 AND granted
			AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`).Scan(&pid) == nil
	}, patience, 10*time.Millisecond)
	return pid
}
