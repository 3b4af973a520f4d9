package publisher_test

import (
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/localstack"
	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
)

// host is a network namespace, which reaches this machine's loopback device over a link that can be cut: a host of its own, as far as TCP knows.
type host struct {
	name, link, address string
}

// newHost skips the test where a network namespace can't be made.
func newHost(tb testing.TB) *host {
	tb.Helper()
	pid := os.Getpid()
	h := &host{fmt.Sprintf("contrail%d", pid), fmt.Sprintf("ctl%d", pid), fmt.Sprintf("198.18.%d", pid%256)}
	outer := fmt.Sprintf("cto%d", pid)
	if out, err := exec.CommandContext(tb.Context(), "ip", "netns", "add", h.name).CombinedOutput(); err != nil {
		tb.Skipf("a network namespace needs Linux, iproute2 and root: %v: %s", err, out)
	}
	tb.Cleanup(func() { _ = exec.Command("ip", "netns", "delete", h.name).Run() }) //nolint:noctx // it must be done when the test has ended
	for _, command := range [][]string{
		{"ip", "link", "add", outer, "type", "veth", "peer", "name", h.link, "netns", h.name},
		{"ip", "address", "add", h.address + ".1/30", "dev", outer},
		{"ip", "link", "set", outer, "up"},
		h.inside("ip", "address", "add", h.address+".2/30", "dev", h.link),
		// What is on this machine's loopback device may be asked for from the other end of the link, which has no such device of its own.
		{"sh", "-c", "echo 1 > /proc/sys/net/ipv4/conf/" + outer + "/route_localnet"},
		h.inside("sh", "-c", "echo 1 > /proc/sys/net/ipv4/conf/"+h.link+"/route_localnet"),
	} {
		run(tb, command)
	}
	h.connect(tb)
	return h
}

// inside is a command in the namespace.
func (h *host) inside(command ...string) []string {
	return append([]string{"ip", "netns", "exec", h.name}, command...)
}

func (h *host) connect(tb testing.TB) {
	tb.Helper()
	run(tb, h.inside("ip", "link", "set", h.link, "up"))
	run(tb, h.inside("ip", "route", "add", "127.0.0.1/32", "via", h.address+".1", "dev", h.link))
}

// cut takes the link down: what is sent from either end is lost, and nobody is told.
func (h *host) cut(tb testing.TB) {
	tb.Helper()
	run(tb, h.inside("ip", "link", "set", h.link, "down"))
}

func run(tb testing.TB, command []string) {
	tb.Helper()
	out, err := exec.CommandContext(tb.Context(), command[0], command[1:]...).CombinedOutput()
	require.NoError(tb, err, "%v: %s", command, out)
}

// The leader's host goes off the network, and with it its kernel, which acknowledges nothing any more. A standby takes over; when the host is back,
// the leader stands by. Needs CONTRAIL_LONG=1 and the right to make a network namespace.
func TestStandbyTakesOverFromAHostOffTheNetwork(t *testing.T) {
	t.Parallel()
	if os.Getenv("CONTRAIL_LONG") == "" {
		t.Skip("CONTRAIL_LONG is not set")
	}
	h := newHost(t)
	database := pgtest.Server(t, localstack.PostgresConfig{})
	pool, err := pgxpool.New(t.Context(), database.URL())
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	_, err = eventstore.Migrate(t.Context(), pool)
	require.NoError(t, err)
	admit(t, pool, h.address+".2/32")
	for name, wake := range wakes { //nolint:paralleltest // there is one host
		t.Run(name, func(t *testing.T) {
			js, server := natstest.JetStream(t)
			createForgetful(t, js, 1)
			_, err := pool.Exec(t.Context(), `WITH gone AS (DELETE FROM contrail.relay_processes) DELETE FROM contrail.relays`)
			require.NoError(t, err)
			f := &fleet{pool: pool, js: js, url: server.URL(), wake: wake, running: map[string]*member{}}
			first := f.addOn(t, h)
			f.await(t, first, "leading")
			second := f.addStandby(t)
			stop := keepAppending(t, pool)
			awaitProgress(t, js)

			h.cut(t)
			took := f.awaitSuccessor(t, first)
			t.Logf("%s after %s", f.leader(), took)
			require.Less(t, took, takeover)
			require.Equal(t, second, f.leader())
			awaitProgress(t, js)
			h.connect(t)
			f.await(t, first, "standby")
			require.Equal(t, second, f.leader())
			stop()
			f.relay(t)
		})
	}
}

// admit lets clients of an address in.
func admit(tb testing.TB, pool *pgxpool.Pool, address string) {
	tb.Helper()
	for _, statement := range []string{
		fmt.Sprintf(`DO $$ BEGIN
			EXECUTE format('COPY (SELECT %%L) TO PROGRAM %%L', 'host all all %s scram-sha-256', 'cat >> ' || current_setting('hba_file')); END $$`, address),
		`SELECT pg_reload_conf()`,
	} {
		_, err := pool.Exec(tb.Context(), statement)
		require.NoError(tb, err)
	}
}
