package publisher

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// errTouched says that the stream is not what it was when the session began. What that means is found out at the beginning of the next.
var errTouched = errors.New("the stream was touched")

// watch looks at the stream as often as the relay's heart beats, so that one that was deleted, emptied or edited is noticed before the next event, or although
// events can still be published.
func (s *stream) watch(ctx context.Context, l *lead, at cursor) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	var watching sync.WaitGroup
	watching.Go(func() {
		look := time.NewTicker(l.config.Heartbeat)
		defer look.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-look.C:
			}
			if fault := s.look(ctx, l.config, at); fault != nil {
				l.config.Logger.DebugContext(ctx, "the stream was touched", slogStream(l.config.Stream), slog.Any("error", fault))
				cancel(errTouched)
				return
			}
		}
	})
	return ctx, func() { cancel(nil); watching.Wait() }
}

// look returns what is wrong with the stream. That it can't be asked is not: publishing finds that out.
func (s *stream) look(ctx context.Context, cfg Config, at cursor) error {
	ctx, cancel := context.WithTimeout(ctx, cfg.AckTimeout)
	defer cancel()
	found, err := s.js.Stream(ctx, cfg.Stream)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return err //nolint:wrapcheck // for the log alone
	}
	if err != nil {
		return nil
	}
	info := found.CachedInfo()
	if info.State.LastSeq < at.sequence || info.State.Msgs == 0 && at.sequence > 0 {
		return fmt.Errorf("it has %d messages, the last is %d, and had %d", info.State.Msgs, info.State.LastSeq, at.sequence)
	}
	return validateStream(cfg, info.Config)
}
