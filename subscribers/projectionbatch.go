package subscribers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/contrail-events/contrail"
)

// insist applies a batch until it succeeds, fails for good, or ctx ends.
func (p *Projection) insist(
	ctx, working context.Context, events []contrail.Delivered[json.RawMessage], from, to checkpoint,
) error {
	for failure := 1; ; failure++ {
		err := p.apply(working, events, from, to)
		if err == nil {
			p.hooks.committed()
			return nil
		}
		if contrail.IsPermanent(err) || isMisconfigured(err) || errors.Is(err, errSuperseded) || ctx.Err() != nil {
			return err
		}
		p.config.Logger.WarnContext(ctx, "projection can't get past these events, trying again",
			slog.String("projection", p.config.Name), slog.Int("events", len(events)), slog.Int64("after", int64(from.position)),
			slog.Int64("to", int64(to.position)), slog.Any("error", err))
		if !wait(ctx, nil, p.config.Backoff.delay(failure)) {
			return context.Cause(ctx) //nolint:wrapcheck // it is our own
		}
	}
}

// apply changes the read model and the checkpoint in one transaction, or the checkpoint alone, where only events were read that are left out.
// The checkpoint comes first: its row's lock keeps a second active process out until this one is through.
func (p *Projection) apply(
	ctx context.Context, events []contrail.Delivered[json.RawMessage], from, to checkpoint,
) error {
	if err := open(ctx, p.config.Keys, pointers(events)); err != nil {
		return err
	}
	tx, err := p.pool.Begin(ctx)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback(context.WithoutCancel(ctx))
	if err := move(ctx, tx, p.config.Name, from, to); err != nil {
		return err
	}
	if len(events) > 0 {
		if err := apart(func() error { return protect(func() error { return p.project(ctx, tx, events) }) }); err != nil {
			return fmt.Errorf("project events %d to %d: %w", events[0].Position, events[len(events)-1].Position, err)
		}
	}
	if err := tx.Commit(ctx); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// background runs functions side by side and returns what waits for all of them.
func background(run ...func()) (wait func()) {
	var running sync.WaitGroup
	for _, f := range run {
		running.Go(f)
	}
	return running.Wait
}
