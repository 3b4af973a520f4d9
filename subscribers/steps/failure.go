package steps

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/contrail-events/contrail"
)

// lastWrite bounds what is written about a step that has failed.
const lastWrite = 10 * time.Second

const (
	// errorSQL records an error, if the step has not been committed after all, and lets others have the run. It waits for a commit that is
	// under way, by the run's row, which it finds by its primary key.
	errorSQL = `WITH failed AS (
			UPDATE contrail.runs SET failures = failures + 1, retrying = true, error = $5, due_at = now() + make_interval(secs => $6),
				locked_by = '', locked_until = NULL, changed_at = clock_timestamp()
			WHERE id = $1 AND token = $2 AND step = $3 AND round = $4 AND locked_until IS NOT NULL RETURNING id
		), noted AS (
			INSERT INTO contrail.run_log (run, step, what, by_whom, detail) SELECT id, $7, '` + whatErrored + `', $8, $9 FROM failed
		) SELECT count(*) FROM failed`

	// releaseSQL lets others have the run, at once or after a while. It finds the row by its primary key. A run that was cancelled is still held by who
	// performed it, with the token before: see cancelSQL.
	releaseSQL = `UPDATE contrail.runs SET locked_by = '', locked_until = NULL, changed_at = clock_timestamp(), retrying = retrying OR $3,
			state = CASE WHEN $4::float8 > 0 THEN 'waiting' ELSE state END,
			due_at = CASE WHEN $4::float8 > 0 THEN now() + make_interval(secs => $4::float8) ELSE due_at END
		WHERE id = $1 AND (token = $2 OR token = $2 + 1 AND state = 'cancelling') AND locked_until IS NOT NULL`
)

// errNotBegun says that ctx had ended before a step was begun.
var errNotBegun = errors.New("not begun")

// handle decides what becomes of a run whose step has ended in err. It returns nil if the run goes on by being undone, or by its outcome, and what Run
// returns if it doesn't.
func (p *performance) handle(ctx context.Context, err error) error {
	p.rest(ctx)
	p.giveBack() // it may be what is wrong
	lost := errors.Is(context.Cause(ctx), ErrLockLost)
	if lost && !errors.Is(err, ErrLockLost) {
		err = fmt.Errorf("%w: %w", err, context.Cause(ctx))
	}
	wrapped := fmt.Errorf("run %s: step %q: %w", p.run.key, p.state.step, err)
	begun := !errors.Is(err, errNotBegun)
	if !begun || ctx.Err() != nil && !lost && !isPermanent(err) {
		p.release(ctx, begun)
		return wrapped
	}
	write, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWrite)
	defer cancel()
	if isPermanent(err) || p.run.failures+1 >= p.runner.options.MaxFailures && p.run.status != Cancelling {
		switch unwritten := p.fail(write, err); {
		case errors.Is(unwritten, ErrLockLost):
			return p.goneOn(ctx, wrapped)
		case unwritten != nil:
			return fmt.Errorf("%w; and that could not be recorded: %w", wrapped, unwritten)
		}
		return nil
	}
	return p.record(write, err, wrapped)
}

// fail makes the step's error the run's: what it has done is undone. An undo that has failed for good waits for a person.
func (p *performance) fail(ctx context.Context, err error) error {
	text := clean(err.Error())
	next := p.stay(Halted, whatHalted)
	if p.run.status != Compensating {
		next = p.undoing(Failed, true, fmt.Sprintf("step %q: %s", p.state.step, text))
		next.what = whatFailed
	}
	next.err, next.detail = text, detailed(err)
	p.state.clear()
	return p.moveAlone(ctx, next)
}

// record writes down a failure that is not the last one.
func (p *performance) record(ctx context.Context, failure, wrapped error) error {
	delay, asked := contrail.RetryDelay(failure)
	if !asked {
		delay = p.runner.options.Backoff.delay(p.run.failures + 1)
	}
	recorded := 0
	err := p.repeatedly(ctx, func() error {
		return p.runner.pool.QueryRow(ctx, errorSQL, p.run.id, p.run.token, p.run.step, p.run.round, clean(failure.Error()), delay.Seconds(),
			p.state.step, p.runner.options.Process, detailed(failure)).Scan(&recorded)
	})
	switch {
	case err != nil:
		return fmt.Errorf("%w; and that could not be recorded: %w", wrapped, err)
	case recorded == 0:
		return p.goneOn(ctx, wrapped)
	}
	return &StepError{Run: p.run.key, Step: p.state.step, Failure: p.run.failures + 1, Delay: delay, Err: failure}
}

// goneOn lets go of a run that does not stand any more where the step has failed: its commit seemed lost, and wasn't; or somebody has cancelled the run, or taken it over.
func (p *performance) goneOn(ctx context.Context, wrapped error) error {
	p.release(ctx, false)
	return fmt.Errorf("%w; the run may have gone on: begin it again", wrapped)
}

// detailed is an error's text, with the stack of a panic.
func detailed(err error) string {
	text := clean(err.Error())
	if panicked, ok := errors.AsType[*PanicError](err); ok {
		text += "\n" + clean(string(panicked.Stack))
	}
	return text
}

// release lets others have the run, if this process has it still. An error is only logged: the lease ends by itself.
func (p *performance) release(ctx context.Context, begun bool) {
	write, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWrite)
	defer cancel()
	if err := p.free(write, begun, 0); err != nil && !errors.Is(err, ErrLockLost) {
		p.runner.options.Logger.WarnContext(ctx, "a run's lock could not be released; its lease will run out",
			slog.String("run", p.run.key), slog.Any("error", err))
	}
}

// free lets others have the run, after delay.
func (p *performance) free(ctx context.Context, begun bool, delay time.Duration) error {
	tag, err := p.runner.pool.Exec(ctx, releaseSQL, p.run.id, p.run.token, begun, delay.Seconds())
	if err == nil && tag.RowsAffected() == 0 {
		err = ErrLockLost
	}
	if err != nil {
		return fmt.Errorf("release the run: %w", err)
	}
	return nil
}

// waitOn has the run looked at again after a while.
func (p *performance) waitOn(ctx context.Context) error {
	if err := p.free(ctx, false, awaitPoll); err != nil {
		return err
	}
	p.run.status, p.run.left = Waiting, awaitPoll
	return nil
}
