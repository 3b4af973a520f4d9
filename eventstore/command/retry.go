package command

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
)

// retry calls try until it succeeds, fails in a way that trying again does not cure, has been called often enough, or ctx ends.
func (c Config) retry(ctx context.Context, curable func(error) bool, try func() error) error {
	for attempt := 1; ; attempt++ {
		err := try()
		_, isDeciders := errors.AsType[*deciderError](err)
		switch {
		case err == nil || isDeciders || !curable(err):
			return err
		case attempt >= c.Attempts:
			return fmt.Errorf("given up after attempt %d of %d: %w", attempt, c.Attempts, err)
		}
		if cause := pause(ctx, c.delay(attempt)); cause != nil {
			return fmt.Errorf("given up after attempt %d of %d: %w: %w", attempt, c.Attempts, cause, err)
		}
	}
}

// delay is the pause after the attempt with this number, counted from 1: between a half and the whole of what doubles with each.
func (c Config) delay(attempt int) time.Duration {
	whole := c.RetryMin
	for i := 1; i < attempt && whole < c.RetryMax; i++ {
		whole *= 2
	}
	whole = min(whole, c.RetryMax)
	return whole - rand.N(whole/2+1) //nolint:gosec // jitter needs no secret
}

func pause(ctx context.Context, delay time.Duration) error {
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx) //nolint:wrapcheck // the caller's own
	case <-timer.C:
		return context.Cause(ctx) //nolint:wrapcheck // likewise: where both have come, either case may be taken
	}
}

// mayBeginAnew tells whether another transaction may succeed.
func (t *task[S, C, E]) mayBeginAnew(err error) bool {
	if errors.Is(err, contrail.ErrConflict) {
		return !t.settings.pinned
	}
	refusal, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (refusal.Code == "40001" || refusal.Code == "40P01") // not serializable, deadlock
}

// mayGoOn tells whether the same transaction may: it is still good when the database could say where the stream is.
func (t *task[S, C, E]) mayGoOn(err error) bool {
	conflict, ok := errors.AsType[*eventstore.ConflictError](err)
	return ok && conflict.Actual >= 0 && !t.settings.pinned
}
