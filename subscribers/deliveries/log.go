package deliveries

import (
	"context"
	"errors"
	"log/slog"

	"github.com/contrail-events/contrail/internal/sanitize"
)

// What is logged names deliveries by their ids: recipients and what events say stay out of logs.

func (l *Ledger) about(d Delivery) slog.Attr {
	return slog.Group("delivery", slog.String("consumer", l.config.Consumer), slog.String("id", d.ID.String()), slog.String("channel", d.Channel),
		slog.Int("attempt", d.Attempt))
}

// harmless is an error without what looks like a secret.
func harmless(err error) slog.Attr { return slog.String("error", sanitize.Text(err.Error(), 0)) }

// logResult tells what became of an attempt.
func (l *Ledger) logResult(ctx context.Context, attempt *begun, result Result) {
	level, message := slog.LevelDebug, "a delivery succeeded"
	switch {
	case result.Late:
		level, message = slog.LevelWarn, "an attempt had become ambiguous when its outcome came"
	case result.State == Failed && result.Due.IsZero():
		level, message = slog.LevelError, "nobody knows whether a delivery took effect; it is held for a person"
	case result.Class == ClassUnknown || result.Outcome == OutcomeAmbiguous:
		level, message = slog.LevelError, "a delivery failed by an error that does not tell whether it took effect"
	case result.State == Cancelled:
		level, message = slog.LevelError, "a delivery was cancelled"
	case result.State == Failed:
		level, message = slog.LevelWarn, "a delivery failed and is tried again"
	case result.State == Suppressed:
		message = "a delivery was skipped by its adapter"
	}
	if !l.config.Logger.Enabled(ctx, level) {
		return
	}
	attrs := []slog.Attr{l.about(attempt.Delivery), slog.String("state", string(result.State)), slog.String("reason", string(result.Reason)), slog.Duration("took", result.Duration)}
	if result.Err != nil {
		attrs = append(attrs, harmless(result.Err))
	}
	if panicked, ok := errors.AsType[*PanicError](result.Err); ok {
		attrs = append(attrs, slog.String("stack", string(panicked.Stack)))
	}
	if !result.Due.IsZero() {
		attrs = append(attrs, slog.Time("due", result.Due))
	}
	l.config.Logger.LogAttrs(ctx, level, message, attrs...) //nolint:sloglint // one of the constants above
}

func (l *Ledger) logRule(ctx context.Context, d Due, err error) {
	l.config.Logger.ErrorContext(ctx, "a rule failed, the delivery is put off", l.about(d.Delivery), harmless(err))
}

func (l *Ledger) logUnread(ctx context.Context, d Due, err error) {
	l.config.Logger.ErrorContext(ctx, "a delivery's event can't be read", l.about(d.Delivery), harmless(err))
}

func (l *Ledger) logDisowned(ctx context.Context, d Due, err error) {
	l.config.Logger.ErrorContext(ctx, "an attempt may have been begun, and becomes ambiguous then although nothing was called", l.about(d.Delivery), harmless(err))
}

func (l *Ledger) logLate(ctx context.Context, attempt *begun, err error) {
	if err != nil {
		l.config.Logger.ErrorContext(ctx, "a call that was given up returned, and the ledger can't be told", l.about(attempt.Delivery), harmless(err))
		return
	}
	l.config.Logger.WarnContext(ctx, "a call that was given up returned", l.about(attempt.Delivery))
}

func (l *Ledger) logTrouble(ctx context.Context, message string, err error) {
	l.config.Logger.ErrorContext(ctx, message, slog.String("consumer", l.config.Consumer), harmless(err)) //nolint:sloglint // the callers' are constants
}

func (l *Ledger) logRecovered(ctx context.Context, recovered []Recovered) {
	for _, one := range recovered {
		l.config.Logger.ErrorContext(ctx, "an attempt was lost with its process, nobody knows whether it took effect", slog.String("consumer", l.config.Consumer),
			slog.String("id", one.ID.String()), slog.Int("attempt", one.Attempt), slog.String("state", string(one.State)), slog.Bool("held", one.Due.IsZero()))
	}
}
