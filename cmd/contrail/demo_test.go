package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
)

// command runs this program as "contrail", with no servers in its environment but those of env.
func command(t *testing.T, env []string, args ...string) *exec.Cmd {
	t.Helper()
	command := exec.CommandContext(t.Context(), "contrail", args...)
	command.Env = append(os.Environ(), "DATABASE_URL=", "NATS_URL=", "NO_COLOR=1")
	command.Env = append(command.Env, env...)
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = 20 * time.Second
	return command
}

func runDemo(t *testing.T, args ...string) demoReport {
	t.Helper()
	var stdout, stderr bytes.Buffer
	demo := command(t, nil, append([]string{"demo", "--json"}, args...)...)
	demo.Stdout, demo.Stderr = &stdout, &stderr
	require.NoError(t, demo.Run(), stderr.String())
	require.Empty(t, stderr.String())
	var report demoReport
	require.NoError(t, json.Unmarshal(stdout.Bytes(), &report))
	return report
}

// A real shop's invoices, within the time that the demo promises.
func TestDemoWithARealShop(t *testing.T) {
	t.Parallel()
	shared := filepath.Join("..", "..", "..", "shared")
	if _, err := os.Stat(shared); errors.Is(err, fs.ErrNotExist) {
		t.Skip("the data are not part of the project: ", err)
	}
	input := filepath.Join(shared, "data", "chinook-invoices.jsonl")
	began := time.Now()
	report := runDemo(t, "--input", input, "--strict")
	require.Less(t, time.Since(began), time.Minute) // some seconds on a machine of its own; here other tests run beside it
	require.EqualValues(t, 412, report.Invoices)
	require.Equal(t, 2240, report.LineItems)
	require.Equal(t, 59, report.Contacts)
	require.Equal(t, map[string]string{"USD": "2328.60"}, report.DraftedTotal)
	require.True(t, report.OK)
	require.True(t, report.Verify.OK)
	require.Empty(t, report.ReadModel.Differences)
	require.EqualValues(t, 1089, report.Events, "1 organisation, 59 contacts, 412 drafts, 42 updates, 287 issued, 205 paid, 82 voided, 1 deleted")
	require.EqualValues(t, 1089, report.Verify.Events)
	require.EqualValues(t, 575, report.Handled, "287 issued, 205 paid, 82 voided, 1 deleted")
	require.Zero(t, report.DeadLettered)
	require.EqualValues(t, 287, report.Notified+report.Suppressed, "all that were issued")
	require.LessOrEqual(t, report.Suppressed, int64(41), "those of them that were voided")
	require.Equal(t, demoReminders{Waiting: 41, Cancelled: 246}, report.Reminders)
	require.EqualValues(t, 41, report.Overdue, "of years ago, and neither paid nor voided")
	require.Len(t, report.Summary, 1)
	require.Equal(t, "chinook-invoices", report.Summary[0].Organisation)
	var live int64
	for _, line := range report.Summary[0].Lines {
		live += line.Invoices
	}
	require.EqualValues(t, 411, live, "one is deleted")
}

// keep starts a demo that stays, and returns the variables that it says to export, and what ends it.
func keep(t *testing.T, dir string) (env []string, end func()) {
	t.Helper()
	env, _, end = keepServing(t, dir)
	return env, end
}

// keepServing is keep, and tells where the demo serves.
func keepServing(t *testing.T, dir string) (env []string, api string, end func()) {
	t.Helper()
	demo := command(t, nil, "demo", "--keep", "--data-dir", dir)
	var stderr bytes.Buffer
	demo.Stderr = &stderr
	stdout, err := demo.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, demo.Start())
	env, api = readExports(t, stdout)
	return env, api, func() {
		require.NoError(t, demo.Process.Signal(syscall.SIGTERM))
		_, _ = io.Copy(io.Discard, stdout)
		require.NoError(t, demo.Wait(), stderr.String())
		require.Empty(t, stderr.String())
	}
}

// --keep leaves all running and says how to connect; a later run with the same folder goes on where it ended.
func TestDemoKeeps(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(pgtest.Dir(t), "demo")
	env, api, end := keepServing(t, dir)
	require.Len(t, env, 3)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, api+"/accountify/invoice?limit=200", nil)
	require.NoError(t, err)
	request.Header.Set("X-Tenant-Id", strings.TrimPrefix(env[2], "CONTRAIL_TENANT="))
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	page, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.Equal(t, 17, strings.Count(string(page), `"sub_total"`), "one is deleted")
	text, err := command(t, env, "verify").CombinedOutput()
	require.NoError(t, err, string(text))
	require.Contains(t, string(text), "all 54 events")
	text, err = command(t, env, "status").CombinedOutput()
	require.NoError(t, err, string(text))
	require.NotContains(t, string(text), "none; start one", "the demo's relay leads")
	text, err = command(t, env, "invoices", "list", "--limit", "0", "--json").CombinedOutput()
	require.NoError(t, err, string(text))
	require.Equal(t, 17, bytes.Count(text, []byte("\n")), "one is deleted")
	text, err = command(t, nil, "demo", "--data-dir", dir).CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(text), "folder in use by a running server")
	end()

	again := runDemo(t, "--data-dir", dir)
	require.EqualValues(t, 54, again.Events)
	require.EqualValues(t, 108, again.Verify.Events)
	require.EqualValues(t, 25, again.Handled, "what was handled before is not handled again")
	require.EqualValues(t, 12, again.Notified+again.Suppressed)
}

// Somebody has written into the demo's stream: the next run says so instead of going on.
func TestDemoWithAnotherWriter(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(pgtest.Dir(t), "demo")
	env, end := keep(t, dir)
	conn := natstest.Connect(t, strings.TrimPrefix(env[1], "NATS_URL="))
	_, err := conn.Request("events.order.1.OrderPlaced", []byte(`{"order":1}`), 10*time.Second)
	require.NoError(t, err)
	conn.Close()
	end()
	text, err := command(t, nil, "demo", "--data-dir", dir, "--json").CombinedOutput()
	require.Error(t, err)
	require.Regexp(t, `^contrail demo: stream EVENTS has another writer.*\n$`, string(text))
}

// A demo that nobody reads any more, or whose terminal closes, leaves nothing behind.
func TestDemoCleansUp(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		args   []string
		last   string // the line of the output after which the end comes
		signal os.Signal
		code   int
		stderr string
	}{
		"reader gone":          {nil, "contrail demo: ", nil, exitNot, "contrail demo: write the result: write /dev/stdout: broken pipe\n"},
		"reader of kept gone":  {[]string{"--keep"}, "contrail demo: ", nil, exitNot, "contrail demo: write the result: write /dev/stdout: broken pipe\n"},
		"hang-up in the midst": {nil, "  migrated", syscall.SIGHUP, exitNot, "contrail demo: interrupted before it was done\n"},
		"hang-up of a kept":    {[]string{"--keep"}, "  contrail status", syscall.SIGHUP, exitOK, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if signal.Ignored(syscall.SIGHUP) && test.signal != nil {
				t.Skip("under nohup a hang-up ends nothing")
			}
			dir := pgtest.Dir(t)
			demo := command(t, []string{"TMPDIR=" + dir}, append([]string{"demo"}, test.args...)...)
			var stderr bytes.Buffer
			demo.Stderr = &stderr
			stdout, err := demo.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, demo.Start())
			lines := bufio.NewScanner(stdout)
			for lines.Scan() && !strings.HasPrefix(lines.Text(), test.last) {
				continue
			}
			if test.signal == nil {
				require.NoError(t, stdout.Close())
			} else {
				require.NoError(t, demo.Process.Signal(test.signal))
				_, _ = io.Copy(io.Discard, stdout)
			}
			_ = demo.Wait()
			require.Equal(t, test.code, demo.ProcessState.ExitCode(), stderr.String())
			require.Regexp(t, test.stderr+"$", stderr.String())
			left, err := os.ReadDir(dir)
			require.NoError(t, err)
			require.Empty(t, left)
		})
	}
}

// readExports reads up to the end of what the demo prints, and returns the variables that it says to export, and where it serves.
func readExports(t *testing.T, from io.Reader) (env []string, api string) {
	t.Helper()
	lines := bufio.NewScanner(from)
	for lines.Scan() {
		if export, ok := strings.CutPrefix(strings.TrimSpace(lines.Text()), "export "); ok {
			env = append(env, strings.ReplaceAll(export, "'", ""))
		}
		if _, board, found := strings.Cut(lines.Text(), "The dashboard: "); found {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, board+"/?format=json", nil)
			require.NoError(t, err)
			response, err := http.DefaultClient.Do(request)
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
			require.Equal(t, http.StatusOK, response.StatusCode)
		}
		if found := regexp.MustCompile(`(http://\S+)/docs`).FindStringSubmatch(lines.Text()); found != nil {
			api = found[1]
		}
		if strings.TrimSpace(lines.Text()) == "contrail status" {
			return env, api
		}
	}
	t.Fatal("the demo ended without exports")
	return nil, ""
}

// A signal in the middle ends the demo in order; a second one at once.
func TestDemoIsInterrupted(t *testing.T) {
	t.Parallel()
	demo := command(t, nil, "demo", "--log-level", "info")
	stderr, err := demo.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, demo.Start())
	lines := bufio.NewScanner(stderr)
	for lines.Scan() && !strings.Contains(lines.Text(), "postgres started") {
		continue
	}
	require.NoError(t, demo.Process.Signal(syscall.SIGINT))
	last := ""
	for lines.Scan() {
		last = lines.Text()
	}
	err = demo.Wait()
	require.Error(t, err)
	require.Equal(t, exitNot, demo.ProcessState.ExitCode())
	require.Equal(t, "contrail demo: interrupted before it was done", last)
}
