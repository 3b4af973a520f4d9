package main

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
)

// watching is contrail status --watch, of servers of the test's own.
func watching(t *testing.T, database, broker string, flags ...string) *exec.Cmd {
	t.Helper()
	command := exec.CommandContext(t.Context(), "contrail", append([]string{"status"}, flags...)...)
	command.Env = append(os.Environ(), "DATABASE_URL="+database, "NATS_URL="+broker, "TERM=xterm")
	return command
}

// Into a pipe one picture comes after another, uncut, until a signal ends it.
func TestStatusWatchedThroughAPipe(t *testing.T) {
	t.Parallel()
	server := natstest.Start(t)
	command := watching(t, pgtest.NewURL(t), server.URL(), "--watch=100ms")
	output, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	lines := bufio.NewScanner(output)
	seen := map[string]int{}
	for seen["servers"] < 3 && lines.Scan() {
		require.NotContains(t, lines.Text(), "\x1b")
		name, _, _ := strings.Cut(lines.Text(), " ")
		seen[name]++
	}
	require.Equal(t, 3, seen["servers"])
	require.Equal(t, 1, seen["a"], "the rates are known from the second picture on")
	require.NoError(t, command.Process.Signal(syscall.SIGINT))
	_, err = io.Copy(io.Discard, output)
	require.NoError(t, err)
	require.NoError(t, command.Wait(), "to stop watching is no failure")
}

// As JSON each picture is a line. A server that goes away is told of and waited for.
func TestStatusWatchedThroughARestart(t *testing.T) {
	t.Parallel()
	server := natstest.Start(t)
	command := watching(t, pgtest.NewURL(t), server.URL(), "--watch=100ms", "--json", "--connect-timeout=2s")
	output, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	pictures := json.NewDecoder(output)
	until := func(up bool) {
		for {
			var picture struct {
				NATS struct{ Up bool }
				At   string
			}
			require.NoError(t, pictures.Decode(&picture))
			require.NotEmpty(t, picture.At)
			if picture.NATS.Up == up {
				return
			}
		}
	}
	until(true)
	require.NoError(t, server.Stop())
	until(false)
	require.NoError(t, server.Restart())
	until(true)
	require.NoError(t, command.Process.Signal(syscall.SIGTERM))
	_, err = io.Copy(io.Discard, output)
	require.NoError(t, err)
	require.NoError(t, command.Wait())
}
