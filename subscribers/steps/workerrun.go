package steps

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

const (
	maxOutage = 30 * time.Second     // the longest pause between two tries to reach a database that is out of reach
	together  = 5 * time.Millisecond // in which places that become free are filled together
)

// Run performs runs until ctx ends. Then it takes on no more, lets those go on that it has in hand for WorkerConfig.DrainTimeout, ends the ctx of their steps, and
// returns nil when all have let go of their runs; others go on with them at once. A step that was under way by then is rolled back, and performed again. Run waits for steps
// that don't look at their ctx.
//
// A database that is out of reach is no error: Run tries again, with growing pauses, and says so to the Logger. Run may be called several times, one after another.
func (w *Worker) Run(ctx context.Context) error {
	working, abort := context.WithCancel(context.WithoutCancel(ctx))
	defer abort()
	c := crew{worker: w, places: make(chan struct{}, w.config.Concurrency)}
	for ctx.Err() == nil {
		w.rest(ctx, c.runOnce(ctx, working))
	}
	timer := time.AfterFunc(w.config.DrainTimeout, abort)
	defer timer.Stop()
	c.hands.Wait()
	return nil
}

// rest waits, unless somebody wakes it.
func (w *Worker) rest(ctx context.Context, delay time.Duration) {
	if delay <= 0 {
		return
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-w.wake:
	case <-timer.C:
	}
}

// crew is what performs runs at a time.
type crew struct {
	worker *Worker
	places chan struct{} // one is taken for each run in hand
	hands  sync.WaitGroup
	behind bool // there were more runs than places, when it last looked
	outage int  // tries in a row that have not reached the database
}

// runOnce hands out as many runs as there are places for, when there is one at least, and tells how long to wait until there may be more. They are performed
// with working, which outlasts ctx.
func (c *crew) runOnce(ctx, working context.Context) (delay time.Duration) {
	free := c.take(ctx)
	if free == 0 {
		return 0
	}
	asking, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWrite) // if nobody heard the answer, the runs stood still for a lease
	defer cancel()
	claimed, next, err := c.worker.due(asking, free)
	c.leave(free - len(claimed))
	if err != nil {
		return c.outOfReach(ctx, err)
	}
	c.reached(ctx)
	for _, p := range claimed {
		c.hands.Go(func() {
			defer c.leave(1)
			if ctx.Err() != nil {
				p.release(ctx, false)
				return
			}
			c.worker.perform(working, p)
		})
	}
	if c.behind = len(claimed) == free; c.behind {
		return 0
	}
	return next
}

// take waits for a place, and takes all that are free then, or a moment later if there is much to do: one run at a time would cost a statement each.
func (c *crew) take(ctx context.Context) (taken int) {
	select {
	case <-ctx.Done():
		return 0
	case c.places <- struct{}{}:
	}
	moment := time.Duration(0)
	if c.behind {
		moment = together
	}
	enough := time.NewTimer(moment)
	defer enough.Stop()
	for taken = 1; taken < cap(c.places); taken++ {
		if len(c.places) < cap(c.places) { // nobody else takes any
			c.places <- struct{}{}
			continue
		}
		select {
		case c.places <- struct{}{}:
		case <-enough.C:
			return taken
		}
	}
	return taken
}

func (c *crew) leave(places int) {
	for range places {
		<-c.places
	}
}

func (c *crew) outOfReach(ctx context.Context, err error) (delay time.Duration) {
	if c.outage++; c.outage == 1 {
		c.worker.config.Options.Logger.ErrorContext(ctx, "the worker can't look for runs; it goes on trying", slog.Any("error", err))
	}
	return Backoff{Min: c.worker.config.Poll, Max: max(c.worker.config.Poll, maxOutage)}.delay(c.outage)
}

func (c *crew) reached(ctx context.Context) {
	if c.outage > 0 {
		c.worker.config.Options.Logger.InfoContext(ctx, "the worker looks for runs again")
		c.outage = 0
	}
}

// perform goes on with a run, and tells the logger what a person should know.
func (w *Worker) perform(ctx context.Context, p *performance) {
	_, err := p.goOn(ctx, w.flows[p.run.workflow])
	if errors.Is(err, ErrDefinitionMismatch) && p.steps == nil { // a step's own run may have that error, too
		w.postpone(ctx, p, err)
		return
	}
	w.tell(ctx, p, err)
	w.Wake() // others may have waited for it, or it waits itself now
}

// postpone marks a run that was begun with steps that no worker seems to have.
func (w *Worker) postpone(ctx context.Context, p *performance, mismatch error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWrite)
	defer cancel()
	news, err := p.postpone(ctx, mismatch, mismatchDelay)
	if err != nil {
		mismatch, news = errors.Join(mismatch, err), true
	}
	if news {
		w.config.Options.Logger.ErrorContext(ctx, "no worker goes on with a run, since it was begun with other steps",
			slog.String("run", p.run.key), slog.String("workflow", p.run.workflow), slog.Any("error", mismatch))
	}
}
