package subscribers_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// log lets a test wait for what is logged.
type log struct{ messages chan string }

func newLog() *log { return &log{messages: make(chan string, 1<<16)} }

func (l *log) logger() *slog.Logger { return slog.New(l) }

func (l *log) await(tb testing.TB, part string) {
	tb.Helper()
	timeout := time.After(patience)
	for {
		select {
		case message := <-l.messages:
			if strings.Contains(message, part) {
				return
			}
		case <-timeout:
			require.FailNow(tb, "this is not logged: "+part)
		}
	}
}

// never wants nothing of the kind among what was logged and not awaited.
func (l *log) never(tb testing.TB, part string) {
	tb.Helper()
	for range len(l.messages) {
		message := <-l.messages
		require.NotContains(tb, message, part)
		l.messages <- message
	}
}

func (l *log) Enabled(context.Context, slog.Level) bool { return true }

func (l *log) Handle(_ context.Context, record slog.Record) error { //nolint:gocritic // the interface's
	message := record.Message
	record.Attrs(func(attr slog.Attr) bool {
		message += " " + attr.String()
		return true
	})
	select {
	case l.messages <- message:
	default:
	}
	return nil
}

func (l *log) WithAttrs([]slog.Attr) slog.Handler { return l }
func (l *log) WithGroup(string) slog.Handler      { return l }
