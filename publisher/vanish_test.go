package publisher_test

import (
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/proxytest"
)

// takeover is how long a stream may be without a leader when nobody says that the last one is gone.
const takeover = 15 * time.Second

// The leader is stopped in the middle of a batch, half of which the broker has. A standby takes over and publishes. Then the leader goes on as if
// nothing had happened, sends the other half, and is fenced by the broker; it notices, and stands by. Nothing is there twice.
func TestFrozenLeaderIsFencedAndStandsBy(t *testing.T) {
	t.Parallel()
	for name, wake := range wakes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t, wake)
			first := f.add(t, "in mid-batch", 3)
			f.await(t, first, "leading")
			second := f.addStandby(t)
			insertEvents(t, f.pool, 200)
			awaitFrozen(t, f.running[first].Cmd)
			half, err := lastSequence(f.js)
			require.NoError(t, err)
			require.EqualValues(t, 70, half, "three batches and a half")

			took := f.awaitSuccessor(t, first)
			t.Logf("%s after %s", f.leader(), took)
			require.Less(t, took, takeover)
			require.Equal(t, second, f.leader())
			f.relay(t)
			require.NotContains(t, f.running[first].log.String(), "fenced")
			require.NoError(t, f.running[first].Process.Signal(syscall.SIGCONT))
			f.await(t, first, "standby")
			require.Contains(t, f.running[first].log.String(), "fenced by the broker")
			require.Equal(t, second, f.leader())
			f.relay(t)

			require.NoError(t, f.end(t, second, syscall.SIGTERM)())
			require.Equal(t, first, f.awaitLeader(t))
			f.relay(t)
		})
	}
}

// The leader's host vanishes while events flow: its connections stay open, and nothing comes through them any more, nor through new ones. A
// standby takes over. When the host is back, the leader stands by.
func TestStandbyTakesOverFromAVanishedHost(t *testing.T) {
	t.Parallel()
	for name, wake := range wakes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t, wake)
			database, err := url.Parse(f.pool.Config().ConnString())
			require.NoError(t, err)
			proxies := []*proxytest.Proxy{proxytest.New(t, database.Host), proxytest.New(t, strings.TrimPrefix(f.url, "nats://"))}
			database.Host = proxies[0].Addr()
			first := f.add(t, "", 0, "DATABASE_URL="+database.String(), "NATS_URL=nats://"+proxies[1].Addr())
			f.await(t, first, "leading")
			second := f.addStandby(t)
			stop := keepAppending(t, f.pool)
			awaitProgress(t, f.js)

			for _, proxy := range proxies {
				proxy.Add(proxytest.Timeout(0))
			}
			took := f.awaitSuccessor(t, first)
			t.Logf("%s after %s", f.leader(), took)
			require.Less(t, took, takeover)
			require.Equal(t, second, f.leader())
			awaitProgress(t, f.js)
			for _, proxy := range proxies {
				proxy.Remove()
			}
			f.await(t, first, "standby")
			require.Equal(t, second, f.leader())
			stop()
			f.relay(t)
		})
	}
}
