package publisher

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/pgtest"
)

// A dump goes to the log at once and to the row soon, whoever asks for it.
func TestDump(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	var log syncedBuffer
	m := newMonitor(pool, nil, Config{Logger: slog.New(slog.NewTextHandler(&log, nil))}.withDefaults(), func(string) {})
	watched(t, m)
	dumped := func(since time.Time) func() bool {
		return func() bool {
			return ask[int](t, pool, `SELECT count(*) FROM contrail.relay_processes WHERE dumped_at > $1 AND dump LIKE '%TestDump%'`, since) == 1
		}
	}
	m.askDump()
	require.Eventually(t, dumped(time.Time{}), patient, 5*time.Millisecond)
	require.Equal(t, 1, strings.Count(log.String(), `"goroutines dumped"`))
	require.Contains(t, log.String(), "TestDump")

	now := ask[time.Time](t, pool, `SELECT clock_timestamp()`)
	execute(t, pool, `UPDATE contrail.relay_processes SET command = 'dump'`)
	m.hasten()
	require.Eventually(t, dumped(now), patient, 5*time.Millisecond)
	require.Equal(t, 2, strings.Count(log.String(), `"goroutines dumped"`))
}

// syncedBuffer is a log that is read while it is written.
type syncedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

// Write appends.
func (b *syncedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

// String is what was written so far.
func (b *syncedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}

// What goroutines there are, their stacks fit in a row.
func TestDumpIsBounded(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	defer close(release)
	var started sync.WaitGroup
	for range 5000 {
		started.Add(1)
		go func() { started.Done(); <-release }()
	}
	started.Wait()
	stacks := goroutines()
	require.LessOrEqual(t, len(stacks), maxDump)
	require.True(t, strings.HasSuffix(stacks, "… and more"), "%d bytes", len(stacks))
}
