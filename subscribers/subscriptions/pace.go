package subscriptions

import (
	"context"
	"time"
)

// pace lets through so many a second at most, evenly.
type pace struct {
	interval time.Duration // zero: no bound
	next     time.Time
}

// newPace makes one of a rate; below zero there is no bound.
func newPace(rate float64) *pace {
	if rate < 0 {
		return &pace{}
	}
	return &pace{interval: time.Duration(float64(time.Second) / rate)}
}

// wait returns when it is the next one's turn, or with the cause why ctx has ended. What has taken longer than its time is not made up for.
func (p *pace) wait(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx) //nolint:wrapcheck // says everything
	}
	now := time.Now()
	if p.next.Before(now) {
		p.next = now
	}
	delay := p.next.Sub(now)
	p.next = p.next.Add(p.interval)
	return rest(ctx, delay)
}

// rest returns after a while, or with the cause why ctx has ended.
func rest(ctx context.Context, delay time.Duration) error {
	if delay <= 0 {
		return nil
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx) //nolint:wrapcheck // says everything
	case <-timer.C:
		return nil
	}
}
