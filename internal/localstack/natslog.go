package localstack

import (
	"fmt"
	"log/slog"
	"sync"
)

// natsLog hands nats-server's lines to a slog logger at debug, and remembers the first fatal one: the server's Start returns no error.
type natsLog struct {
	logger *slog.Logger
	mu     sync.Mutex
	fatal  string
}

// fault is the first fatal line, or "".
func (l *natsLog) fault() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.fatal
}

// Fatalf is what the server calls where a program of its own would exit.
func (l *natsLog) Fatalf(format string, args ...any) {
	l.line("fatal", format, args)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fatal == "" {
		l.fatal = fmt.Sprintf(format, args...)
	}
}

// Errorf, and those below, print a line of their level.
func (l *natsLog) Errorf(format string, args ...any) { l.line("error", format, args) }

// Warnf prints a warning.
func (l *natsLog) Warnf(format string, args ...any) { l.line("warning", format, args) }

// Noticef prints a notice.
func (l *natsLog) Noticef(format string, args ...any) { l.line("notice", format, args) }

// Debugf and Tracef are silent: nobody turns them on.
func (l *natsLog) Debugf(string, ...any) {}

// Tracef is silent, see Debugf.
func (l *natsLog) Tracef(string, ...any) {}

func (l *natsLog) line(level, format string, args []any) {
	l.logger.Debug("nats server", slog.String("nats_level", level), slog.String("line", fmt.Sprintf(format, args...)))
}
