package command_test

import (
	"log/slog"
	"strings"
	"sync"
	"testing"
)

// log keeps what a logger is told, one line each.
type log struct {
	mutex sync.Mutex
	text  strings.Builder
}

func (l *log) Write(line []byte) (int, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.text.Write(line)
}

func (l *log) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// take returns what has been told since it was last asked.
func (l *log) take() string {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	defer l.text.Reset()
	return l.text.String()
}

// failingLogger is for tests in which there is nothing to tell.
func failingLogger(tb testing.TB) *slog.Logger {
	tb.Helper()
	return slog.New(slog.NewTextHandler(complaint{tb}, nil))
}

type complaint struct{ tb testing.TB }

func (c complaint) Write(line []byte) (int, error) {
	c.tb.Errorf("unexpected: %s", line)
	return len(line), nil
}
