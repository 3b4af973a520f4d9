package deliveries

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Run performs what is due, until ctx ends: it claims deliveries, asks the rules, calls the adapters, completes the attempts, and recovers those that
// other processes have left behind. Many processes may run the same consumer's ledger. A delivery in a lane it leaves alone, but for recovery.
//
// When ctx ends nothing more is begun; calls may go on for Config.DrainTimeout, then their ctx ends, and they are recorded. What was claimed is given
// back. Run returns nil then. The database may be out of reach at times: Run goes on when it is back. It returns an error at once where nothing could be done: there is no
// adapter, it runs already, or the tables or the rights are missing.
func (l *Ledger) Run(ctx context.Context) error {
	if len(l.config.Adapters) == 0 {
		return fmt.Errorf("run the ledger of %s: there is no adapter (Config.Adapters)", l.config.Consumer)
	}
	if !l.running.CompareAndSwap(false, true) {
		return fmt.Errorf("run the ledger of %s: it runs already", l.config.Consumer)
	}
	defer l.running.Store(false)
	stop, end := context.WithCancelCause(ctx)
	defer end(nil)
	calls, endCalls := context.WithCancelCause(context.WithoutCancel(ctx))
	defer endCalls(nil)
	defer context.AfterFunc(stop, func() {
		drain := time.AfterFunc(l.config.DrainTimeout, func() { endCalls(errDrained) })
		context.AfterFunc(calls, func() { drain.Stop() })
	})()
	r := run{Ledger: l, end: end, claimed: make(chan Due, 2*l.config.Concurrency)}
	var workers sync.WaitGroup
	for range l.config.Concurrency {
		workers.Go(func() { r.work(stop, calls) })
	}
	workers.Go(func() { r.recover(stop) })
	r.feed(stop)
	workers.Wait()
	if cause := context.Cause(stop); ctx.Err() == nil {
		return fmt.Errorf("run the ledger of %s: %w", l.config.Consumer, cause)
	}
	return nil
}

// errDrained is the cause of calls' ctx that ends because the process has to stop.
var errDrained = errors.New("the process stops, and the time for draining is up (Config.DrainTimeout)")

// run is one call of Run.
type run struct {
	*Ledger

	end     context.CancelCauseFunc
	claimed chan Due
}

// feed claims what is due and hands it to the workers. What is left when the run ends is given back.
func (r *run) feed(stop context.Context) {
	batch := 2 * r.config.Concurrency
	p := pace{most: r.config.PollInterval}
	var left []Due
	for stop.Err() == nil && len(left) == 0 {
		due, err := r.claim(stop, batch)
		if err != nil && stop.Err() == nil {
			r.trouble(stop, "deliveries can't be claimed, trying again", err)
		}
		left = r.hand(stop, due)
		if len(due) < batch && stop.Err() == nil {
			p.pause(stop, r.nudges, len(due) > 0, err)
		}
	}
	close(r.claimed)
	for due := range r.claimed {
		left = append(left, due)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(stop), lastWrite)
	defer cancel()
	if err := r.giveBack(ctx, left); err != nil {
		r.logTrouble(ctx, "claimed deliveries can't be given back", err)
	}
}

// hand hands deliveries to the workers, and returns those that none has taken before the run ended.
func (r *run) hand(stop context.Context, claimed []Due) []Due {
	for i, due := range claimed {
		select {
		case r.claimed <- due:
		case <-stop.Done():
			return claimed[i:]
		}
	}
	return nil
}

// failurePause is how long a worker waits when the database refuses, so that what is refused for good does not keep everybody busy.
const failurePause = 100 * time.Millisecond

// work performs one delivery after another. Nothing is begun any more when stop has ended, and adapters' ctx is made of calls.
func (r *run) work(stop, calls context.Context) {
	for due := range r.claimed {
		channel := due.Delivery.Channel
		if stop.Err() != nil {
			r.returnOne(stop, due)
			continue
		}
		if _, err := r.attempt(calls, due, r.config.adapter(channel), r.config.policy(channel)); err != nil {
			r.trouble(stop, "a delivery can't be performed", err)
			wait(stop, failurePause)
			r.returnOne(stop, due)
		}
	}
}

func (r *run) returnOne(stop context.Context, due Due) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(stop), lastWrite)
	defer cancel()
	if err := r.giveBack(ctx, []Due{due}); err != nil {
		r.logTrouble(ctx, "claimed deliveries can't be given back", err)
	}
}

// recover looks for attempts that were lost, as soon as it begins and then at intervals.
func (r *run) recover(stop context.Context) {
	for {
		recovered, err := r.Recover(stop)
		switch {
		case err != nil && stop.Err() == nil:
			r.trouble(stop, "lost attempts can't be recovered, trying again", err)
		case len(recovered) > 0:
			r.logRecovered(stop, recovered)
			r.Wake()
		}
		if len(recovered) == recoverLimit && stop.Err() == nil { // there may be more
			continue
		}
		if !wait(stop, r.config.RecoverInterval) {
			return
		}
	}
}

// trouble logs an error, and ends the run if it will be the same next time.
func (r *run) trouble(ctx context.Context, message string, err error) {
	r.logTrouble(ctx, message, err)
	if isMissing(err) {
		r.end(err)
	}
}

// pace is how long to wait when there was little to do: soon again after there was something, and up to most when there is nothing for long.
type pace struct {
	most, next time.Duration
}

const soonest = 4 * time.Millisecond

func (p *pace) pause(ctx context.Context, nudges <-chan struct{}, busy bool, failure error) {
	switch {
	case failure != nil:
		p.next = max(p.most, min(2*p.next, 5*time.Second))
		nudges = nil
	case busy, p.next == 0:
		p.next = min(soonest, p.most)
	default:
		p.next = min(2*p.next, p.most)
	}
	timer := time.NewTimer(p.next)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-nudges:
		p.next = 0
	}
}
