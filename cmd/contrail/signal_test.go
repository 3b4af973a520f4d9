package main

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// A terminal that closes hangs up more than once; only another signal aborts.
func TestHangUpsDoNotAbort(t *testing.T) {
	t.Parallel()
	signals, stopped := make(chan os.Signal), make(chan struct{})
	told := make(chan string, 4)
	go heed(signals, stopped, func() { told <- "interrupted" }, func() { told <- "aborted" })
	for range 3 {
		signals <- syscall.SIGHUP
	}
	require.Equal(t, "interrupted", <-told)
	require.Empty(t, told)
	signals <- syscall.SIGTERM
	require.Equal(t, "aborted", <-told)
}

// The first signal lets the verb finish, the second one does not.
func TestSecondSignalAborts(t *testing.T) {
	t.Parallel()
	verb := exec.CommandContext(t.Context(), "stubborn")
	var stderr bytes.Buffer
	verb.Stderr = &stderr
	stdout, err := verb.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, verb.Start())
	lines := bufio.NewScanner(stdout)
	for _, want := range []string{"begun", "draining"} {
		require.True(t, lines.Scan())
		require.Equal(t, want, lines.Text())
		require.NoError(t, verb.Process.Signal(syscall.SIGTERM))
	}
	require.False(t, lines.Scan())
	require.Error(t, verb.Wait())
	require.Equal(t, exitNot, verb.ProcessState.ExitCode())
	require.Equal(t, "contrail: aborted by a second signal\n", stderr.String())
}
