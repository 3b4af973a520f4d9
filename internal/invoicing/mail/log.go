package mail

import (
	"context"
	"log/slog"

	"github.com/contrail-events/contrail/subscribers/deliveries"
)

// Log logs mails in place of sending them.
type Log struct{ logger *slog.Logger }

// NewLog returns a Log that logs at info to whom, about what and under which Message-ID a mail would go, and its text at debug. Nil: nothing is logged.
func NewLog(logger *slog.Logger) *Log {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	return &Log{logger}
}

// Send logs m. The error is about an address that is none, and permanent.
func (l *Log) Send(ctx context.Context, m Message) (deliveries.Receipt, error) {
	if _, err := m.compose(); err != nil {
		return deliveries.Receipt{}, err
	}
	l.logger.InfoContext(ctx, "mail", slog.String("to", m.To.String()), slog.String("subject", m.Subject), slog.String("message_id", m.ID()))
	l.logger.DebugContext(ctx, "the mail's text", slog.String("message_id", m.ID()), slog.String("text", m.Text))
	return deliveries.Receipt{ID: m.ID(), Response: "logged"}, nil
}
