package subscribers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail"
)

// insist applies what was read until it succeeds, fails for good, or ctx ends. While the projection is paused it waits.
func (p *Projection) insist(ctx, working context.Context, s stretch) error {
	for failure := 1; ; failure++ {
		err := p.apply(working, s)
		delay := p.config.Backoff.delay(failure)
		switch {
		case err == nil:
			p.hooks.committed()
			return nil
		case contrail.IsPermanent(err) || isMisconfigured(err) || errors.Is(err, errSuperseded) || errors.Is(err, errRebuilt) || ctx.Err() != nil:
			return err
		case errors.Is(err, errPaused): // the guard has said so
			failure, delay = 0, p.config.Standby
		default:
			p.config.Logger.WarnContext(ctx, "projection can't get past these events, trying again",
				slog.String("projection", p.config.Name), slog.Int("events", len(s.events)), slog.Int64("after", int64(s.from.position)),
				slog.Int64("to", int64(s.to.position)), slog.Any("error", err))
		}
		if !wait(ctx, nil, delay) {
			return context.Cause(ctx) //nolint:wrapcheck // it is our own
		}
	}
}

// apply changes the read model and the checkpoint in one transaction, or the checkpoint alone, where only events were read that are left out.
// The checkpoint comes first: its row's lock keeps a second active process out until this one is through.
func (p *Projection) apply(ctx context.Context, s stretch) (err error) {
	defer p.turns.apply()()
	told := p.telemetry.begin(s.events)
	defer func() { told.end(ctx, err) }()
	if err := open(ctx, p.config.Keys, pointers(s.events)); err != nil {
		return err
	}
	tx, err := p.pool.Begin(ctx)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback(context.WithoutCancel(ctx))
	if err := move(ctx, tx, p.config.Name, s, p.tables.path()); err != nil {
		return err
	}
	if err := p.handle(told.start(ctx), tx, s.events); err != nil {
		return err
	}
	if err := tx.Commit(ctx); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// handle has the handler project events, if there are any.
func (p *Projection) handle(ctx context.Context, tx pgx.Tx, events []contrail.Delivered[json.RawMessage]) error {
	if len(events) == 0 {
		return nil
	}
	if err := apart(func() error { return protect(func() error { return p.project(ctx, tx, events) }) }); err != nil {
		return fmt.Errorf("project events %d to %d: %w", events[0].Position, events[len(events)-1].Position, err)
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
