package steps_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/subscribers/steps"
)

// newWorker returns one that looks often, unless config says how often.
func newWorker(tb testing.TB, pool *pgxpool.Pool, config steps.WorkerConfig, workflows ...steps.Workflow) *steps.Worker {
	tb.Helper()
	if config.Poll == 0 {
		config.Poll = 20 * time.Millisecond
	}
	if config.Options.Backoff.Min == 0 {
		config.Options.Backoff = steps.Backoff{Min: 10 * time.Millisecond, Max: 40 * time.Millisecond}
	}
	worker, err := steps.NewWorker(pool, config, workflows...)
	require.NoError(tb, err)
	return worker
}

// work runs a worker until the test ends, or stop is called, and then wants no error.
func work(tb testing.TB, worker *steps.Worker) (stop func()) {
	tb.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(tb.Context()))
	ended := make(chan error, 1)
	go func() { ended <- worker.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(tb, receive(tb, ended))
	})
	tb.Cleanup(stop)
	return stop
}

// begin starts a run in a transaction of its own.
func begin(tb testing.TB, pool *pgxpool.Pool, worker *steps.Worker, workflow, key string) {
	tb.Helper()
	require.NoError(tb, pgx.BeginFunc(tb.Context(), pool, func(tx pgx.Tx) error { return worker.Start(tb.Context(), tx, workflow, key, nil) }))
}

// stands waits until a run stands like this.
func stands(tb testing.TB, pool *pgxpool.Pool, key string, want steps.Status) {
	tb.Helper()
	var now steps.Status
	if !wait(func() bool { now = statusOf(tb, pool, key); return now == want }) {
		timeline, err := steps.Explain(tb.Context(), pool, key, steps.Look{})
		require.NoError(tb, err)
		require.Equal(tb, want, now, "%s\n%v", timeline.Why, timeline.Log)
	}
}

// wait is eventually, for those who have more to say.
func wait(condition func() bool) bool {
	for end := time.Now().Add(patience); time.Now().Before(end); {
		if condition() {
			return true
		}
		<-time.After(5 * time.Millisecond)
	}
	return false
}

func byAda() steps.Order { return steps.Order{By: "ada", Because: "for a test"} }

// memoryLog keeps what was logged.
type memoryLog struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *memoryLog) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

func (l *memoryLog) logger() *slog.Logger {
	return slog.New(slog.NewJSONHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// messages are the lines with this message.
func (l *memoryLog) messages(tb testing.TB, message string) (lines []map[string]any) {
	tb.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range bytes.Lines(l.text.Bytes()) {
		var fields map[string]any
		require.NoError(tb, json.Unmarshal(line, &fields))
		if fields["msg"] == message {
			lines = append(lines, fields)
		}
	}
	return lines
}

// gate lets a step tell that it is there, and wait until it may go on.
type gate struct{ here, on chan struct{} }

func newGate() gate { return gate{make(chan struct{}, 100), make(chan struct{})} }

func (g gate) pass(ctx context.Context) error {
	g.here <- struct{}{}
	select {
	case <-g.on:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// gated is a step that has an effect, and then waits.
func (g gate) gated(name string) steps.Step {
	return steps.Tx(name, func(ctx context.Context, tx pgx.Tx, run *steps.State) error {
		if err := effect(ctx, tx, run); err != nil {
			return err
		}
		return g.pass(ctx)
	})
}
