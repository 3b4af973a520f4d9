package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/localstack"
	"github.com/contrail-events/contrail/internal/pgtest"
)

// tailing is a tail that runs in a process of its own.
type tailing struct {
	*exec.Cmd

	lines  *bufio.Scanner
	output io.Closer
	stderr *bytes.Buffer
}

func startTail(tb testing.TB, url string, args ...string) *tailing {
	tb.Helper()
	verb := exec.CommandContext(tb.Context(), "contrail", append([]string{"events", "tail", "--database-url", url}, args...)...)
	t := &tailing{Cmd: verb, stderr: &bytes.Buffer{}}
	verb.Stderr = t.stderr
	stdout, err := verb.StdoutPipe()
	require.NoError(tb, err)
	require.NoError(tb, verb.Start())
	t.lines, t.output = bufio.NewScanner(stdout), stdout
	return t
}

// position of the next line.
func (t *tailing) position(tb testing.TB) int64 {
	tb.Helper()
	require.True(tb, t.lines.Scan(), "tail has ended: %s", t.stderr)
	var event struct{ Position int64 }
	require.NoError(tb, json.Unmarshal(t.lines.Bytes(), &event), t.lines.Text())
	return event.Position
}

func appendSome(tb testing.TB, pool *pgxpool.Pool, n int) {
	tb.Helper()
	for range n {
		_, err := pool.Exec(tb.Context(), `INSERT INTO contrail.events (stream, version, type, data) VALUES ('test-' || gen_random_uuid(), 1, 'Counted', '{}')`)
		require.NoError(tb, err)
	}
}

func openAt(tb testing.TB, url string) *pgxpool.Pool {
	tb.Helper()
	pool, err := pgxpool.New(tb.Context(), url)
	require.NoError(tb, err)
	tb.Cleanup(pool.Close)
	return pool
}

// Each way of waiting shows every event once, and a signal is a good end.
func TestTailFollows(t *testing.T) {
	t.Parallel()
	url := pgtest.NewURL(t)
	pool := openAt(t, url)
	appendSome(t, pool, 3)
	for _, args := range [][]string{{}, {"--wake", "poll", "--poll-interval", "5ms"}} {
		tail := startTail(t, url, append(args, "--json", "--from-start")...)
		var last int64
		require.NoError(t, pool.QueryRow(t.Context(), `SELECT contrail.last_position()`).Scan(&last))
		for want := int64(1); want <= last+20; want++ {
			if want > last {
				appendSome(t, pool, 1)
			}
			require.Equal(t, want, tail.position(t))
		}
		require.NoError(t, tail.Process.Signal(syscall.SIGTERM))
		require.False(t, tail.lines.Scan(), tail.lines.Text())
		require.NoError(t, tail.Wait(), "exit 0")
		require.Empty(t, tail.stderr.String())
	}
}

// An event that is not settled holds back what comes behind it.
func TestTailKeepsTheOrder(t *testing.T) {
	t.Parallel()
	url := pgtest.NewURL(t)
	pool := openAt(t, url)
	appendSome(t, pool, 1)
	tail := startTail(t, url, "--json", "--type", "Counted")
	require.EqualValues(t, 1, tail.position(t))
	tx, err := pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), `INSERT INTO contrail.events (stream, version, type, data) VALUES ('late-1', 1, 'Counted', '{}'), ('late-1', 2, 'Other', '{}')`)
	require.NoError(t, err)
	appendSome(t, pool, 2)
	require.NoError(t, tx.Commit(t.Context()))
	require.EqualValues(t, 2, tail.position(t))
	require.EqualValues(t, 4, tail.position(t), "3 is of another type")
	require.EqualValues(t, 5, tail.position(t))
	require.NoError(t, tail.Process.Signal(syscall.SIGINT))
	require.NoError(t, tail.Wait())
}

// follower is a tail that is driven step by step.
func follower(tb testing.TB, last int64) (*eventsFollower, *bytes.Buffer) {
	tb.Helper()
	store, err := eventstore.New(eventstore.Config{})
	require.NoError(tb, err)
	var stdout bytes.Buffer
	a := newApp(globals{LogLevel: "auto"}, "events tail", &stdout, nil)
	return &eventsFollower{app: a, store: store, printer: a.newEventsPrinter(true), last: &last}, &stdout
}

// In an empty store there are no last events: whatever comes is new, and all of it is shown.
func TestTailOfAnEmptyStore(t *testing.T) {
	t.Parallel()
	for _, last := range []int64{0, 2} {
		pool := openAt(t, pgtest.NewURL(t))
		f, stdout := follower(t, last)
		found, err := f.step(t.Context(), pool)
		require.NoError(t, err)
		require.False(t, found)
		appendSome(t, pool, 3)
		found, err = f.step(t.Context(), pool)
		require.NoError(t, err)
		require.True(t, found)
		require.Equal(t, 3, strings.Count(stdout.String(), "\n"))
	}
}

// breaking fails at the query that counts down to zero.
type breaking struct {
	eventstore.Querier

	queries int
}

func (b *breaking) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	if b.queries--; b.queries == 0 {
		return nil, io.ErrUnexpectedEOF
	}
	return b.Querier.Query(ctx, sql, args...) //nolint:rowserrcheck // the reader does
}

// Wherever the first step breaks off, the last events are shown once, and nothing that is older.
func TestTailThatBreaksWhileItBegins(t *testing.T) {
	t.Parallel()
	pool := openAt(t, pgtest.NewURL(t))
	appendSome(t, pool, 5)
	broken := 0
	for queries := 1; ; queries++ {
		f, stdout := follower(t, 2)
		_, err := f.step(t.Context(), &breaking{pool, queries})
		if err == nil {
			break
		}
		broken++
		f.query.After = f.seen // as run does
		_, err = f.step(t.Context(), pool)
		require.NoError(t, err)
		require.Equal(t, 2, strings.Count(stdout.String(), "\n"), "broken at query %d", queries)
	}
	require.GreaterOrEqual(t, broken, 2)
}

// When nobody reads any more, tail ends, as in `contrail events tail | head -1`.
func TestTailIntoAClosedPipe(t *testing.T) {
	t.Parallel()
	url := pgtest.NewURL(t)
	pool := openAt(t, url)
	appendSome(t, pool, 1)
	tail := startTail(t, url, "--json")
	require.EqualValues(t, 1, tail.position(t))
	require.NoError(t, tail.output.Close())
	appendSome(t, pool, 1)
	require.NoError(t, tail.Wait(), "exit 0")
	require.Empty(t, tail.stderr.String())
}

// A database that goes away is waited for: nothing is missed and nothing shown twice.
func TestTailOutlastsTheDatabase(t *testing.T) {
	t.Parallel()
	server := pgtest.Server(t, localstack.PostgresConfig{})
	pool := openAt(t, server.URL())
	_, err := eventstore.Migrate(t.Context(), pool)
	require.NoError(t, err)
	appendSome(t, pool, 2)
	tail := startTail(t, server.URL(), "--json", "--from-start")
	require.EqualValues(t, 1, tail.position(t))
	require.EqualValues(t, 2, tail.position(t))
	require.NoError(t, server.Kill())
	require.NoError(t, server.Restart(t.Context()))
	require.Eventually(t, func() bool { pool.Reset(); return pool.Ping(t.Context()) == nil }, 30*time.Second, 50*time.Millisecond)
	appendSome(t, pool, 2)
	before := int64(2)
	for range 2 {
		now := tail.position(t)
		require.Greater(t, now, before)
		before = now
	}
	require.NoError(t, tail.Process.Signal(syscall.SIGTERM))
	require.NoError(t, tail.Wait())
	require.Equal(t, 1, strings.Count(tail.stderr.String(), "the database is gone; waiting for it"), tail.stderr)
}
