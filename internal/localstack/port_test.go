package localstack_test

import (
	"net"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/localstack"
)

// take listens on a port, as another program would that was quicker.
func take(tb testing.TB, port int) net.Listener {
	tb.Helper()
	var config net.ListenConfig
	listener, err := config.Listen(tb.Context(), "tcp", "127.0.0.1:"+strconv.Itoa(port))
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = listener.Close() })
	return listener
}

func takenAndFree(tb testing.TB) (taken, free int) {
	tb.Helper()
	taken, err := localstack.FreePort()
	require.NoError(tb, err)
	take(tb, taken)
	free, err = localstack.FreePort()
	require.NoError(tb, err)
	return taken, free
}

func TestPostgresTriesAnotherPort(t *testing.T) {
	t.Parallel()
	taken, free := takenAndFree(t)
	pg := startPostgres(t, localstack.PostgresConfig{}.OnPorts(taken, taken, free))
	require.Equal(t, free, query[int](t, pg.URL(), "SELECT current_setting('port')::int"))
}

func TestNATSTriesAnotherPort(t *testing.T) {
	t.Parallel()
	taken, free := takenAndFree(t)
	ns := startNATS(t, localstack.NATSConfig{}.OnPorts(taken, taken, free))
	require.Equal(t, "nats://127.0.0.1:"+strconv.Itoa(free), ns.URL())
}

func TestPostgresRestartFindsItsPortTaken(t *testing.T) {
	t.Parallel()
	port, err := localstack.FreePort()
	require.NoError(t, err)
	pg := startPostgres(t, localstack.PostgresConfig{}.OnPorts(port))
	require.NoError(t, pg.Stop())
	other := take(t, port)
	require.ErrorContains(t, pg.Restart(t.Context()), "on port "+strconv.Itoa(port)+": port taken")
	require.NoError(t, other.Close())
	require.NoError(t, pg.Restart(t.Context()))
	require.Equal(t, 1, query[int](t, pg.URL(), "SELECT 1"))
}
