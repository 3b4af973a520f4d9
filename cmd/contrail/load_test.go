package main

import (
	"bytes"
	"encoding/json"
	"io"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/load"
	"github.com/contrail-events/contrail/internal/localstack"
	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
)

// A signal in the midst of a load on servers that were given: what was measured is told, and nothing is left behind.
func TestLoadThatIsInterrupted(t *testing.T) {
	t.Parallel()
	postgres := pgtest.Server(t, localstack.PostgresConfig{})
	js, broker := natstest.JetStream(t)
	env := []string{"DATABASE_URL=" + postgres.URL(), "NATS_URL=" + broker.URL()}
	loading := command(t, env, "load", "--json", "--rate", "100/s", "--duration", "1h")
	var stdout, stderr bytes.Buffer
	loading.Stdout, loading.Stderr = &stdout, &stderr
	require.NoError(t, loading.Start())
	require.Eventually(t, func() bool { return messages(t, js) > 50 }, 30*time.Second, 10*time.Millisecond)
	require.NoError(t, loading.Process.Signal(syscall.SIGTERM))
	require.NoError(t, loading.Wait(), stderr.String())
	require.Empty(t, stderr.String())
	var report load.Report
	require.NoError(t, json.Unmarshal(stdout.Bytes(), &report))
	require.True(t, report.Interrupted)
	require.True(t, report.OK)
	require.Positive(t, report.Handled)
	require.Zero(t, messages(t, js))
	pool, err := pgxpool.New(t.Context(), postgres.URL())
	require.NoError(t, err)
	defer pool.Close()
	var left int
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT count(*) FROM pg_database WHERE starts_with(datname, 'contrail_')`).Scan(&left))
	require.Zero(t, left)
}

// messages are those of all streams; there are none where there are no streams.
func messages(t *testing.T, js jetstream.JetStream) (n uint64) {
	t.Helper()
	for info := range js.ListStreams(t.Context()).Info() {
		n += info.State.Msgs
	}
	return n
}

// A reader that is gone ends it before anything is appended.
func TestLoadThatNobodyReads(t *testing.T) {
	t.Parallel()
	loading := command(t, []string{"TMPDIR=" + pgtest.Dir(t)}, "load", "--duration", "30s")
	var stderr bytes.Buffer
	loading.Stderr = &stderr
	stdout, err := loading.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, stdout.Close())
	require.NoError(t, loading.Start())
	_, _ = io.Copy(io.Discard, stdout)
	require.Error(t, loading.Wait())
	require.Equal(t, "contrail load: write the result: write /dev/stdout: broken pipe\n", stderr.String())
}

func TestLoadTable(t *testing.T) {
	t.Parallel()
	var many []load.Interval
	for n := range 45 {
		many = append(many, load.Interval{From: float64(n) / 2, Seconds: 0.5, Appended: 1000, Published: int64(n), Handled: 1})
	}
	rows := throughputRows(many)
	require.Len(t, rows, 16, "three intervals a row, and a title")
	require.Equal(t, []string{"0", "3,000", "3", "3"}, rows[1])
	require.Equal(t, []string{"21", "3,000", "129", "3"}, rows[15])
	require.Len(t, throughputRows(nil), 1)
	require.Equal(t, "1,234,567.89", decimals(1234567.891, 2))
	require.Equal(t, "999.9", decimals(999.94, 1))
	require.Equal(t, "0.04", milliseconds(0.0000449))
}

func TestLoadFaults(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{
		"1 event did not arrive", "2 events arrived once more", "1 event arrived after later ones of its stream",
		"3 events were not appended, as far as one knows: the database was gone for too long",
		"the rate was missed: 50.0 a second instead of 100.0; lower --rate, or try more --concurrency or --batch",
	}, loadFaults(load.Report{
		Lost: 1, Doubled: 2, OutOfOrder: 1, Abandoned: 3, RateMissed: true, Appended: 100, Seconds: 2, Asked: load.Asked{Rate: 100},
	}))
	require.Empty(t, loadFaults(load.Report{}))
	require.Len(t, loadNotes(load.Report{Interrupted: true, Outstanding: 1, HeldBack: 1, Retries: 1, ClockSeconds: 1}), 5)
}
