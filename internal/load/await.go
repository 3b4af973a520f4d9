package load

import (
	"context"
	"fmt"
	"sync"
	"time"
)

const (
	lookAgain = 10 * time.Millisecond
	tellAgain = 100 * time.Millisecond

	// goodbye is how long what is on its way may still take when a run is ended early.
	goodbye = 3 * time.Second
)

// warm returns when the events that warm up have arrived.
func (r *run) warm(ctx context.Context) error {
	if err := r.writers.warm(ctx); err != nil {
		return err
	}
	sent := int64(r.config.Concurrency)
	if r.await(ctx, func(s state) bool { return s.warm == sent && s.flying == 0 }, r.config.Patience) {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx) //nolint:wrapcheck // it is the caller's own
	}
	return fmt.Errorf("%d of %d events did not arrive within %s; look whether a relay publishes to stream %s, under these subjects",
		sent-r.ledger.state().warm, sent, r.config.Patience, r.config.Stream)
}

// settle waits for what is on its way.
func (r *run) settle(ctx context.Context) {
	done := func(s state) bool { return s.flying == 0 }
	if !r.await(ctx, done, r.config.Patience) && ctx.Err() != nil {
		r.await(context.WithoutCancel(ctx), done, goodbye)
	}
}

// await looks until all is done, or for the length of patience nothing has happened.
func (r *run) await(ctx context.Context, done func(state) bool, patience time.Duration) bool {
	began := r.clock.now()
	look := time.NewTicker(lookAgain)
	defer look.Stop()
	for {
		now := r.ledger.state()
		switch {
		case done(now):
			return true
		case r.working.Err() != nil, r.clock.now()-max(began, now.moved) > patience:
			return false
		}
		select {
		case <-ctx.Done():
			return false
		case <-look.C:
		}
	}
}

// tell tells how far it is, until told is called.
func (r *run) tell() (told func()) {
	ended := make(chan struct{})
	var telling sync.WaitGroup
	telling.Go(func() {
		again := time.NewTicker(tellAgain)
		defer again.Stop()
		for {
			select {
			case <-ended:
				return
			case <-again.C:
				now := r.ledger.state().total
				r.config.Progress(Progress{r.clock.now() - r.schedule.start, now[appended], now[published], now[handled]})
			}
		}
	})
	return func() { close(ended); telling.Wait() }
}
