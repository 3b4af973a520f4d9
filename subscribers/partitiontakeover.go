package subscribers

import (
	"context"
	"log/slog"
	"sync"

	"github.com/nats-io/nats.go/jetstream"
)

// takeover keeps the workers of a partition from starting anything while an event that goes before it may still be with somebody else: at first, until
// all that the partition's former owner had in hand is here, or answered; and again whenever the consumer has delivered something to somebody else,
// such as a member that was frozen and has yet to find out that its lease has run out. That shows in the numbers of the deliveries.
//
// So a member starts an event only when it has all earlier ones of its stream that are not settled in hand, too; and its scheduler keeps these in order.
type takeover struct {
	*session

	from    *feed
	wake    chan struct{} // it holds again
	mu      sync.Mutex
	held    bool
	halted  bool
	orphans bool                // the former owner has not given its events back
	first   uint64              // the numbers of the deliveries that have come without a gap, from first
	last    uint64              // to last
	gaps    int                 // how many there were before
	arrived map[uint64]struct{} // the sequences of what has come while it holds
}

func newTakeover(s *session, from *feed, orphans bool) *takeover {
	h := &takeover{session: s, from: from, wake: make(chan struct{}, 1), held: true, orphans: orphans, arrived: map[uint64]struct{}{}}
	s.scheduler.pause()
	halt := s.halt
	s.halt = func() {
		h.mu.Lock()
		h.halted = true
		h.mu.Unlock()
		halt()
	}
	return h
}

// expect notes an event that is with the broker, and will not be missed.
func (h *takeover) expect(sequence uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.arrived[sequence] = struct{}{}
}

// arrive notes a delivery, before the scheduler has it.
func (h *takeover) arrive(numbers jetstream.SequencePair) {
	h.mu.Lock()
	defer h.mu.Unlock()
	gap := h.last > 0 && numbers.Consumer != h.last+1
	if gap {
		h.gaps++
	}
	if gap || h.last == 0 {
		h.first = numbers.Consumer
	}
	h.last = numbers.Consumer
	if gap && !h.held {
		h.held, h.orphans = true, false
		h.scheduler.pause()
		select {
		case h.wake <- struct{}{}:
		default:
		}
	}
	if h.held {
		h.arrived[numbers.Stream] = struct{}{}
	}
}

// watch lets the workers go on when they may, as often as that has to be found out, until ctx ends.
func (h *takeover) watch(ctx context.Context) {
	for {
		h.settle(ctx)
		select {
		case <-ctx.Done():
			return
		case <-h.wake:
			h.config.Logger.InfoContext(ctx, "an event of a partition was delivered to somebody else, or got lost; waiting for it",
				slog.String("consumer", h.config.Durable), slog.String("partition", h.from.name))
		}
	}
}

func (h *takeover) state() (gaps int, orphans bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.gaps, h.orphans
}

// count is how many different events have come, of those that had been delivered up to a sequence.
func (h *takeover) count(upTo uint64) (count int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for sequence := range h.arrived {
		if sequence <= upTo {
			count++
		}
	}
	return count
}

// resume lets the workers go on, unless there was another gap behind the delivery up to which all is settled or here.
func (h *takeover) resume(gaps int, delivered uint64) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.halted || h.gaps != gaps || h.first > delivered+1 {
		return false
	}
	h.last = max(h.last, delivered)
	h.held = false
	clear(h.arrived)
	h.scheduler.resume()
	return true
}
