package publisher

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/components/forwarder"
	"github.com/ThreeDotsLabs/watermill/message"
)

// session relays from where the destination is until ctx ends, which is no error, or something goes wrong.
func (l *lead) session(ctx context.Context, published func()) error {
	recorded, err := l.ledger.read(ctx)
	if err != nil {
		return err
	}
	at, err := l.to.resume(ctx, l, recorded)
	if err != nil {
		return err
	}
	l.monitor.telemetry.addFound(ctx, recorded, at)
	l.config.Logger.InfoContext(ctx, "relaying", slogStream(l.config.Stream), slogPosition(at.position), slogSequence(at.sequence))
	to := &sink{to: l.to.carrier(l, at), turns: newTurnstile(), telemetry: l.monitor.telemetry}
	defer to.to.close()
	from, err := newSource(ctx, l, at, to.turns.stop)
	if err != nil {
		return err
	}
	from.published = published
	ctx, done := l.to.watch(ctx, l, at)
	defer done()
	l.progress.resumed.Store(true)
	if err := l.forward(ctx, from, to); err != nil {
		return err
	}
	if err := to.turns.stopped(); err != nil {
		return err
	}
	if errors.Is(context.Cause(ctx), errTouched) {
		return errTouched
	}
	if errors.Is(from.err, errNacked) { // a middleware's doing
		return fmt.Errorf("%w by the forwarder's handler", errNacked)
	}
	return from.err
}

// forward runs Watermill's forwarder between source and sink until the source has ended and every handler with it.
func (l *lead) forward(ctx context.Context, from *source, to *sink) error {
	quiet := map[slog.Level]slog.Level{slog.LevelInfo: slog.LevelDebug, slog.LevelError: slog.LevelDebug}
	forward, err := forwarder.NewForwarder(from, to, watermill.NewSlogLoggerWithLevelMapping(l.config.Logger, quiet), forwarder.Config{
		ForwarderTopic: topic, Middlewares: append([]message.HandlerMiddleware{to.watch}, l.config.Middlewares...), CloseTimeout: 2 * queryTimeout,
	})
	if err != nil {
		return fmt.Errorf("make the forwarder: %w", err)
	}
	err = forward.Run(ctx)
	if from.done != nil {
		<-from.done
	}
	if err != nil {
		return fmt.Errorf("run the forwarder: %w", err)
	}
	return nil
}
