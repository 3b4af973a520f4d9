package natstest

import (
	"math/rand/v2"
	"net"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// freePorts picks ports on which nothing listens, below those that systems give to outgoing connections: a node that restarts must find its own
// free again.
func freePorts(tb testing.TB, count int) []int {
	tb.Helper()
	const lowest, highest, tries = 20_000, 32_000, 100
	ports := make([]int, 0, count)
	for range tries {
		if len(ports) == count {
			return ports
		}
		port := lowest + rand.N(highest-lowest) //nolint:gosec // a port needs no secrecy
		var config net.ListenConfig
		listener, err := config.Listen(tb.Context(), "tcp", net.JoinHostPort(loopback, strconv.Itoa(port)))
		if err != nil {
			continue
		}
		defer func() { require.NoError(tb, listener.Close()) }() // all are held until the last is found, so that no two are the same
		ports = append(ports, port)
	}
	require.FailNow(tb, "no free ports")
	return nil
}
