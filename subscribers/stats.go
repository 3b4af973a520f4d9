package subscribers

import (
	"context"
	"maps"
	"sync"
	"sync/atomic"

	"github.com/contrail-events/contrail/subscribers/attempts"
)

// Stats counts what a subscription has done in this process since [New].
type Stats struct {
	Delivered    int64 // deliveries that arrived, redeliveries too
	Handled      int64 // events whose handler took effect
	Skipped      int64 // events that a handler answered with contrail.Skip
	Duplicates   int64 // events that had been handled before, and redeliveries of events in hand
	Retried      int64 // failures that led to another delivery
	DeadLettered int64 // events that became dead letters
	Unhandled    int64 // events whose type has no handler

	SkipReasons map[string]int64 // Skipped by reason; from the hundredth reason on as "other"

	Untold int64 // attempts that are missing from the journal (package attempts), since more failed than it took
}

type counters struct {
	delivered, handled, skipped, duplicates, retried, deadLettered, unhandled atomic.Int64

	telemetry *telemetry // counts the same

	mu      sync.Mutex
	reasons map[string]int64
}

// add counts a verdict.
func (c *counters) add(ctx context.Context, verdict attempts.Verdict) {
	c.telemetry.count(ctx, verdict)
	switch verdict {
	case attempts.Handled:
		c.handled.Add(1)
	case attempts.Skipped:
		c.skipped.Add(1)
	case attempts.Retried:
		c.retried.Add(1)
	case attempts.DeadLetter:
		c.deadLettered.Add(1)
	case attempts.Duplicate:
		c.duplicates.Add(1)
	case attempts.Unhandled:
		c.unhandled.Add(1)
	}
}

// because counts why an event was skipped.
func (c *counters) because(reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.reasons[reason]; !known && len(c.reasons) >= 99 {
		reason = "other"
	}
	if c.reasons == nil {
		c.reasons = map[string]int64{}
	}
	c.reasons[reason]++
}

func (c *counters) stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Stats{
		Delivered:    c.delivered.Load(),
		Handled:      c.handled.Load(),
		Skipped:      c.skipped.Load(),
		Duplicates:   c.duplicates.Load(),
		Retried:      c.retried.Load(),
		DeadLettered: c.deadLettered.Load(),
		Unhandled:    c.unhandled.Load(),
		SkipReasons:  maps.Clone(c.reasons),
	}
}
