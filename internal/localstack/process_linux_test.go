package localstack_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/localstack"
)

func TestPostgresRunsUnprivilegedInItsOwnGroup(t *testing.T) {
	t.Parallel()
	pg := startPostgres(t, localstack.PostgresConfig{})
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pg.PID()))
	require.NoError(t, err)
	require.NotContains(t, string(status), "Uid:\t0\t")
	group, err := syscall.Getpgid(pg.PID())
	require.NoError(t, err)
	require.Equal(t, pg.PID(), group)
}

func TestPostgresDiesWithTheProgram(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	program := exec.CommandContext(t.Context(), os.Args[0])
	program.Env, program.Stderr = append(os.Environ(), victimVariable+"="+dir), os.Stderr
	output, err := program.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, program.Start())
	address, err := bufio.NewReader(output).ReadString('\n')
	require.NoError(t, err)
	address = strings.TrimSpace(address)
	require.Equal(t, 1, query[int](t, address, "SELECT 1"))

	require.NoError(t, program.Process.Kill())
	require.Error(t, program.Wait())
	require.Eventually(t, func() bool {
		conn, err := connect(t.Context(), address)
		if err == nil {
			_ = conn.Close(t.Context())
		}
		return errors.Is(err, syscall.ECONNREFUSED)
	}, 30*time.Second, 10*time.Millisecond)
	require.Eventually(t, func() bool {
		_, err := os.Lstat(dir + "/data/postmaster.pid")
		return os.IsNotExist(err)
	}, 30*time.Second, 10*time.Millisecond)
	again := startPostgres(t, localstack.PostgresConfig{Dir: dir})
	require.Equal(t, 1, query[int](t, again.URL(), "SELECT 1"), "the lock died too")
}
