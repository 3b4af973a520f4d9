package telemetry

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	// probePatience is how long a probe may take. One that takes longer may be what hangs.
	probePatience = 2 * time.Second
	// probeRest is how long an answer is good for: asking often must not cost the servers more.
	probeRest = time.Second
)

var (
	errStarting = errors.New("it starts, and has not begun its work")
	errStopping = errors.New("it was told to end, and finishes what it has begun")
	errSilent   = fmt.Errorf("no answer within %s", probePatience)
)

// check is a probe and what it said last. It is asked once at a time, whoever wants to know: of a probe that never returns one goroutine is left, not one for each
// question.
type check struct {
	name  string
	probe Probe
	live  bool

	mu     sync.Mutex
	asking chan struct{} // closed with the answer; nil: it is not being asked
	last   Result
	at     time.Time // of last
}

// ask returns what the probe says, or that it says nothing. The question outlives ctx: another may wait for it.
func (c *check) ask(ctx context.Context) Result {
	answered, fresh := c.begin(ctx)
	if fresh != nil {
		return *fresh
	}
	timer := time.NewTimer(probePatience)
	defer timer.Stop()
	select {
	case <-answered:
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.last
	case <-timer.C:
		return c.note("", errSilent)
	case <-ctx.Done():
		return Result{Name: c.name, What: context.Cause(ctx).Error(), Since: time.Now().UTC()} // nobody waits for it
	}
}

func (c *check) begin(ctx context.Context) (answered <-chan struct{}, fresh *Result) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.asking != nil:
		return c.asking, nil
	case !c.at.IsZero() && time.Since(c.at) < probeRest:
		fresh := c.last
		return nil, &fresh
	}
	done := make(chan struct{})
	c.asking = done
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), probePatience)
		defer cancel()
		what, err := c.probe(ctx)
		c.note(what, err)
		c.mu.Lock()
		c.asking = nil
		c.mu.Unlock()
		close(done)
	}()
	return done, nil
}

// note keeps an answer, and since when it has been this one.
func (c *check) note(what string, err error) Result {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if err != nil {
		what = err.Error()
	}
	if c.at.IsZero() || c.last.OK != (err == nil) {
		c.last.Since = now.UTC()
	}
	c.at, c.last.Name, c.last.OK, c.last.What = now, c.name, err == nil, what
	return c.last
}
