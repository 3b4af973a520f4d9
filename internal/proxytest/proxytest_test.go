package proxytest_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/contrail-events/contrail/internal/proxytest"
)

const patience = 30 * time.Second

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// echo returns the address of a server that sends back what it gets.
func echo(tb testing.TB) string {
	tb.Helper()
	listener, err := new(net.ListenConfig).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { _, _ = io.Copy(conn, conn); _ = conn.Close() })
		}
	})
	tb.Cleanup(func() { _ = listener.Close(); serving.Wait() })
	return listener.Addr().String()
}

func dial(tb testing.TB, proxy *proxytest.Proxy) net.Conn {
	tb.Helper()
	conn, err := tryDial(proxy)
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = conn.Close() })
	require.NoError(tb, conn.SetDeadline(time.Now().Add(patience)))
	return conn
}

func tryDial(proxy *proxytest.Proxy) (net.Conn, error) {
	return new(net.Dialer).DialContext(context.Background(), "tcp", proxy.Addr())
}

// exchange sends data and reads it back.
func exchange(conn net.Conn, data []byte) error {
	if _, err := conn.Write(data); err != nil {
		return err
	}
	back := make([]byte, len(data))
	if _, err := io.ReadFull(conn, back); err != nil {
		return err
	}
	if !bytes.Equal(data, back) {
		return errors.New("something else came back")
	}
	return nil
}

// exchangeAnew does the same on a connection of its own.
func exchangeAnew(proxy *proxytest.Proxy, data []byte) error {
	conn, err := tryDial(proxy)
	if err != nil {
		return err // a reset may come so soon
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	return exchange(conn, data)
}

func TestProxyPassesDataAndTheEnd(t *testing.T) {
	t.Parallel()
	proxy := proxytest.New(t, echo(t))
	conn := dial(t, proxy)
	require.NoError(t, exchange(conn, bytes.Repeat([]byte("x"), 1<<20)))
	require.Equal(t, 1, proxy.Connections())
	require.NoError(t, conn.Close())
	require.Eventually(t, func() bool { return proxy.Connections() == 0 }, patience, time.Millisecond)
	require.Equal(t, 1, proxy.Ended())
}

// What slows down passes everything, no sooner than it says.
func TestSlowToxics(t *testing.T) {
	t.Parallel()
	for name, one := range map[string]struct {
		toxic   proxytest.Toxic
		bytes   int
		atLeast time.Duration
	}{
		"latency":    {proxytest.Latency(50*time.Millisecond, 10*time.Millisecond), 100, 80 * time.Millisecond},
		"one way":    {proxytest.Latency(50*time.Millisecond, 0).Upstream(), 100, 50 * time.Millisecond},
		"bandwidth":  {proxytest.Bandwidth(100).Downstream(), 20 << 10, 150 * time.Millisecond},
		"slicer":     {proxytest.Slicer(100, 10, time.Millisecond).Upstream(), 5000, 30 * time.Millisecond},
		"slow close": {proxytest.SlowClose(time.Millisecond), 100, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			proxy := proxytest.New(t, echo(t))
			conn := dial(t, proxy)
			require.NoError(t, exchange(conn, []byte("before")))
			proxy.Add(one.toxic)
			began := time.Now()
			require.NoError(t, exchange(conn, bytes.Repeat([]byte("x"), one.bytes)))
			require.GreaterOrEqual(t, time.Since(began), one.atLeast)
			require.NoError(t, exchangeAnew(proxy, []byte("another")))
			proxy.Remove()
			require.NoError(t, exchange(conn, []byte("after")))
		})
	}
}

// What ends a connection ends those that are there and new ones, until it is removed.
func TestEndingToxics(t *testing.T) {
	t.Parallel()
	for name, toxic := range map[string]proxytest.Toxic{
		"limit":   proxytest.LimitData(100).Downstream(),
		"reset":   proxytest.ResetPeer(0),
		"timeout": proxytest.Timeout(time.Millisecond),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			proxy := proxytest.New(t, echo(t))
			conn := dial(t, proxy)
			require.NoError(t, exchange(conn, []byte("before")))
			proxy.Add(toxic)
			require.Error(t, exchange(conn, make([]byte, 1<<20)))
			require.Error(t, exchangeAnew(proxy, make([]byte, 1<<20)))
			proxy.Remove()
			require.NoError(t, exchangeAnew(proxy, []byte("after")))
		})
	}
}

func TestTimeoutOfZeroKeepsTheConnectionAndLosesTheData(t *testing.T) {
	t.Parallel()
	proxy := proxytest.New(t, echo(t))
	conn := dial(t, proxy)
	require.NoError(t, exchange(conn, []byte("before")))
	proxy.Add(proxytest.Timeout(0))
	requireSilent(t, conn)
	requireSilent(t, dial(t, proxy))
	proxy.Remove()
	_, err := conn.Read(make([]byte, 1))
	require.Error(t, err, "what was lost would be missing")
	require.False(t, isTimeout(err))
}

// requireSilent checks that a connection takes data, and that nothing comes back within a tenth of a second.
func requireSilent(tb testing.TB, conn net.Conn) {
	tb.Helper()
	require.NoError(tb, conn.SetDeadline(time.Now().Add(100*time.Millisecond)))
	require.True(tb, isTimeout(exchange(conn, []byte("is anybody there?"))))
	require.NoError(tb, conn.SetDeadline(time.Now().Add(patience)))
}

func isTimeout(err error) bool {
	timeout, ok := errors.AsType[net.Error](err)
	return ok && timeout.Timeout()
}

func TestHalfOpenConnectionsStayWhileNewOnesAreWell(t *testing.T) {
	t.Parallel()
	proxy := proxytest.New(t, echo(t))
	conn := dial(t, proxy)
	require.NoError(t, exchange(conn, []byte("before")))
	proxy.HalfOpen()
	requireSilent(t, conn)
	require.NoError(t, exchangeAnew(proxy, []byte("another")))
	requireSilent(t, conn)
	proxy.Remove()
	_, err := conn.Read(make([]byte, 1))
	require.False(t, isTimeout(err))
}

func TestResetAndDisable(t *testing.T) {
	t.Parallel()
	proxy := proxytest.New(t, echo(t))
	conn := dial(t, proxy)
	require.NoError(t, exchange(conn, []byte("before")))
	proxy.Reset()
	_, err := conn.Read(make([]byte, 1))
	require.ErrorIs(t, err, syscall.ECONNRESET)
	conn = dial(t, proxy)
	require.NoError(t, exchange(conn, []byte("after")))

	proxy.Disable()
	require.Error(t, exchange(conn, []byte("cut")))
	require.Error(t, exchangeAnew(proxy, []byte("turned away")))
	proxy.Enable()
	require.NoError(t, exchangeAnew(proxy, []byte("back")))
}

func TestUpstreamThatIsAway(t *testing.T) {
	t.Parallel()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	proxy := proxytest.New(t, listener.Addr().String())
	require.Error(t, exchangeAnew(proxy, []byte("anybody?")))
}

// Toxics come and go while connections break in the middle of their data. Nothing gets stuck, and no goroutine stays.
func TestToxicsComeAndGoWhileConnectionsBreak(t *testing.T) {
	t.Parallel()
	proxy := proxytest.New(t, echo(t))
	ctx, cancel := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	defer clients.Wait()
	defer cancel()
	for range 8 {
		clients.Go(func() {
			for ctx.Err() == nil {
				flood(ctx, proxy.Addr())
			}
		})
	}
	toxics := []proxytest.Toxic{
		proxytest.Latency(2*time.Millisecond, time.Millisecond), proxytest.Bandwidth(100_000), proxytest.Slicer(5000, 100, time.Microsecond),
		proxytest.SlowClose(time.Millisecond), proxytest.LimitData(30_000), proxytest.ResetPeer(time.Millisecond),
		proxytest.Timeout(time.Millisecond), proxytest.Timeout(0),
	}
	for range 100 {
		proxy.Add(toxics[rand.N(len(toxics))])
		proxy.Add(toxics[rand.N(len(toxics))])
		switch rand.N(8) {
		case 0:
			proxy.HalfOpen()
		case 1:
			proxy.Reset()
		}
		proxy.Remove()
	}
	proxy.Remove()
	require.NoError(t, exchangeAnew(proxy, []byte("after")))
}

// flood sends and receives for a few milliseconds, and breaks off.
func flood(ctx context.Context, address string) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return
	}
	var receiving sync.WaitGroup
	defer receiving.Wait()
	defer func() { _ = conn.Close() }()
	receiving.Go(func() { _, _ = io.Copy(io.Discard, conn) })
	_ = conn.SetDeadline(time.Now().Add(rand.N(5 * time.Millisecond)))
	for data := make([]byte, 64<<10); ; {
		if _, err := conn.Write(data); err != nil {
			return
		}
	}
}
