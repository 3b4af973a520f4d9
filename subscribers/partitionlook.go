package subscribers

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Between two looks at what is still with somebody else.
const (
	firstLook = 10 * time.Millisecond
	slowLook  = time.Second
)

// settle returns when the workers may go on, or ctx ends.
func (h *takeover) settle(ctx context.Context) {
	var known looks
	for pause := firstLook; ; pause = min(2*pause, slowLook) {
		over, err := h.look(ctx, &known)
		if over {
			return
		}
		if err != nil {
			h.config.Logger.DebugContext(ctx, "look for what the former owner of a partition has in hand",
				slog.String("partition", h.from.name), slog.Any("error", err))
		}
		if !wait(ctx, nil, pause) {
			return
		}
	}
}

// looks is what has been found out while the workers wait.
type looks struct {
	began   time.Time              // when the first look was
	gaps    int                    // how many there were by then
	pending int                    // what was unanswered at that time
	upTo    jetstream.SequenceInfo // and what had been delivered
	even    int                    // at how many looks in a row was all that is unanswered here
}

// look tells whether the workers go on from now.
func (h *takeover) look(ctx context.Context, known *looks) (bool, error) {
	here := h.scheduler.unanswered()
	gaps, orphans := h.state()
	consumer, err := h.js.Consumer(ctx, h.from.stream, h.from.name)
	if err != nil {
		return false, fmt.Errorf("look up consumer %s: %w", h.from.name, err)
	}
	info := consumer.CachedInfo()
	if known.began.IsZero() || gaps != known.gaps {
		*known = looks{began: time.Now(), gaps: gaps, pending: info.NumAckPending, upTo: info.Delivered}
	}
	if info.NumAckPending == len(here) && contains(h.scheduler.unanswered(), here) {
		known.even++
	} else {
		known.even = 0
	}
	delivered := known.upTo.Consumer
	switch {
	case info.NumAckPending == 0, known.even > 1 && !orphans:
		delivered = info.Delivered.Consumer
	case h.count(known.upTo.Stream) >= known.pending && orphans, time.Since(known.began) > h.config.AckWait*4/3:
	default:
		return false, nil
	}
	if !h.resume(gaps, delivered) {
		*known = looks{} // something has gone elsewhere since
		return false, nil
	}
	return true, nil
}
