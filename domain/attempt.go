package domain

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/domain/rule"
	"github.com/contrail-events/contrail/internal/backoff"
)

// step is what a command does in its transaction. again says that an attempt before this one met a conflict.
type step func(ctx context.Context, tx Tx, again bool) (Result, error)

// try runs the whole transaction anew as long as something moves under it, but no more than Config.Attempts times, with a short pause in
// between. Once a rival was faster, an aggregate is locked before anything is read, so that the next attempt is the last. A command with a
// key is answered from before, if it can be.
func (h handler[S, C, E]) try(ctx context.Context, given request, do step) (Result, error) {
	asked, err := given.question(h.decider.Category)
	if err != nil {
		return Result{}, err
	}
	for attempt := 1; ; attempt++ {
		var result Result
		err = h.inTxHealing(ctx, func(ctx context.Context, tx Tx) (err error) {
			if attempt > 1 && given.id != "" {
				if err := tx.Lock(ctx, given.actor.TenantID, h.ref(given.id)); err != nil {
					return fmt.Errorf("lock %s: %w", h.decider.Stream(given.id), err)
				}
			}
			result, err = h.once(ctx, tx, asked, func(ctx context.Context, tx Tx) (Result, error) { return do(ctx, tx, attempt > 1) })
			return err
		})
		switch {
		case err == nil:
			return result, nil
		case asked.asked && isRule(err):
			return h.answeredMeanwhile(ctx, asked, err)
		case !errors.Is(err, contrail.ErrConflict):
			return Result{}, err
		case attempt >= h.config.Attempts:
			return Result{}, fmt.Errorf("given up after %d attempts, try again: %w", attempt, err)
		}
		if ended := pause(ctx, attempt); ended != nil {
			return Result{}, fmt.Errorf("%w: %w", ended, err)
		}
	}
}

// pause keeps rivals from meeting again at the same moment. It returns what ended ctx meanwhile, or before.
func pause(ctx context.Context, attempt int) error {
	delay := time.NewTimer(backoff.Backoff{Min: time.Millisecond, Max: 64 * time.Millisecond}.Delay(attempt))
	defer delay.Stop()
	select {
	case <-ctx.Done():
	case <-delay.C:
	}
	return context.Cause(ctx) //nolint:wrapcheck // the caller adds what was in the way
}

// isRule tells a refusal from what may go wrong with a store.
func isRule(err error) bool {
	return errors.Is(err, rule.ErrRefused) || errors.Is(err, rule.ErrInvalid) || errors.Is(err, rule.ErrNotFound)
}
