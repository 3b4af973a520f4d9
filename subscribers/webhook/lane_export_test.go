package webhook

import (
	"context"
	"time"
)

// StepWithLease is one step of a lane whose right to post has so much time left, of a lease of 15 s, and returns how long it waits then. It has no database: a lane that
// looks into the ledger panics.
func StepWithLease(ctx context.Context, left time.Duration) time.Duration {
	now := time.Now()
	s := &sender{Hooks: &Hooks{config: Config{Lease: 15 * time.Second}}}
	l := newLane(s, &holding{Endpoint: Endpoint{Concurrency: 1}}, now.Add(left))
	return l.step(ctx, now).Sub(now)
}
