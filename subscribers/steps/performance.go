package steps

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/contrail-events/contrail"
)

// performance is one process's hold of a run, from the lock to its release. It is for one goroutine.
type performance struct {
	runner   *Runner
	steps    []Step
	run      run
	state    State
	conn     *pgxpool.Conn // nil: none is needed at present
	lockedAt time.Time     // just before the lock was asked for
}

// perform goes on with a run that is locked, until it has ended or can't go on.
func (p *performance) perform(ctx context.Context) (json.RawMessage, error) {
	if p.run.status.Ended() {
		return p.outcome()
	}
	if !p.atAStep() {
		p.release(ctx, false)
		return nil, contrail.Permanent(fmt.Errorf("run %s stands at step %d of %d, with status %s: its row was changed by hand",
			p.run.key, p.run.step, len(p.steps), p.run.status))
	}
	held, release := p.hold(ctx)
	defer release()
	held = contrail.WithMetadata(held, p.run.surroundings())
	p.state.run = &p.run
	for p.goesOn() {
		err := p.next(held)
		if err != nil {
			err = p.handle(held, err)
		}
		if err != nil {
			return nil, err
		}
	}
	return p.outcome()
}

// atAStep tells whether there is the step at which the run stands, and the element of its list.
func (p *performance) atAStep() bool {
	first, last := 0, len(p.steps)-1
	if p.run.status == Compensating {
		first, last = 1, len(p.steps)
	}
	return p.run.step >= first && p.run.step <= last && p.run.round >= 0 && (p.run.list == nil || p.run.round < int64(len(p.run.list)))
}

func (p *performance) goesOn() bool {
	switch p.run.status {
	case Ready, Cancelling, Compensating:
		return true
	case Waiting, Halted, Finished, Failed, Cancelled:
	}
	return false
}

// next performs what is next.
func (p *performance) next(ctx context.Context) error {
	step, back := p.standing()
	p.state.begin(step.name, back)
	if ctx.Err() != nil {
		return fmt.Errorf("%w: %w", errNotBegun, context.Cause(ctx))
	}
	if p.run.status == Cancelling {
		return p.moveAlone(ctx, p.undoing(Cancelled, p.run.retrying, p.run.reason))
	}
	if p.run.failures >= p.runner.options.MaxFailures { // the processes that performed it have died of it
		return contrail.Permanent(errors.New(p.run.err))
	}
	switch {
	case !back:
		return step.perform(ctx, p)
	case step.undo == nil: // it had one when the run began to be undone
		return p.moveAlone(ctx, p.undone())
	}
	return step.undo(ctx, p)
}

// standing is the step at which the run stands, and whether it is to be undone.
func (p *performance) standing() (step Step, back bool) {
	if p.run.status == Compensating {
		return p.steps[p.run.step-1], true
	}
	return p.steps[p.run.step], false
}

// outcome is what Run returns of a run that can't go on, or has ended.
func (p *performance) outcome() (json.RawMessage, error) {
	switch p.run.status {
	case Finished:
		return p.run.result, nil
	case Failed:
		return nil, &FailedError{Run: p.run.key, Reason: p.run.reason}
	case Cancelled:
		return nil, &CancelledError{Run: p.run.key, Reason: p.run.reason}
	case Halted:
		return nil, p.run.halted()
	case Ready, Waiting, Cancelling, Compensating:
	}
	delay := p.run.left
	return nil, p.run.waiting(time.Now().Add(delay), delay)
}

// connection is the one that the run's statements go over.
func (p *performance) connection(ctx context.Context) (*pgxpool.Conn, error) {
	if p.conn == nil {
		conn, err := p.runner.pool.Acquire(ctx)
		if err != nil {
			return nil, fmt.Errorf("get a connection: %w", err)
		}
		p.conn = conn
	}
	return p.conn, nil
}

// giveBack lets others have the connection. One that stands in a transaction is closed by the pool.
func (p *performance) giveBack() {
	if p.conn != nil {
		p.conn.Release()
		p.conn = nil
	}
}
