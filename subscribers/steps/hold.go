package steps

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// renewSQL renews a lock, if it is still held. It relies on the primary keys, and locks no row that steps lock.
const renewSQL = `INSERT INTO contrail.run_leases AS l (run, token, until)
	SELECT id, token, now() + make_interval(secs => $3) FROM contrail.runs WHERE id = $1 AND token = $2 AND locked_until IS NOT NULL
	ON CONFLICT (run) DO UPDATE SET token = EXCLUDED.token, until = EXCLUDED.until WHERE l.token <= EXCLUDED.token`

// hold renews the run's lock until release is called. held ends, with the cause [ErrLockLost], when the lock is lost, or could not be renewed in time.
func (p *performance) hold(ctx context.Context) (held context.Context, release func()) {
	held, cancel := context.WithCancelCause(ctx)
	var renewing sync.WaitGroup
	keeper := keeper{
		runner: p.runner, args: []any{p.run.id, p.run.token, p.runner.options.Lease.Seconds()}, key: p.run.key, ends: p.lockedAt.Add(p.runner.options.Lease),
	}
	renewing.Go(func() { keeper.keep(held, cancel) })
	return held, func() {
		cancel(nil)
		renewing.Wait()
	}
}

// keeper is what a lock is renewed by, while the run's steps are performed.
type keeper struct {
	runner *Runner
	args   []any
	key    string    // of the run
	ends   time.Time // the lease does, as far as is known
}

// keep returns when ctx has ended. Others may have the run when the lease is over: then it ends ctx.
func (k *keeper) keep(ctx context.Context, lose context.CancelCauseFunc) {
	every := k.runner.options.Lease / 3
	next := every - (k.runner.options.Lease - time.Until(k.ends))
	for pause(ctx, next) {
		switch renewed, err := k.renew(ctx); {
		case err != nil && ctx.Err() == nil && time.Until(k.ends) <= 0:
			lose(fmt.Errorf("%w: it could not be renewed: %w", ErrLockLost, err))
		case err != nil:
			k.runner.options.Logger.WarnContext(ctx, "a run's lock could not be renewed", slog.String("run", k.key), slog.Any("error", err))
			next = min(every/10, time.Until(k.ends))
		case !renewed:
			lose(ErrLockLost)
		default:
			next = every
		}
	}
}

// renew tries for a while, and never for longer than the lease lasts: when that has ended, whoever performs the run must have heard of it.
func (k *keeper) renew(ctx context.Context) (renewed bool, err error) {
	asked := time.Now()
	ctx, cancel := context.WithTimeout(ctx, min(k.runner.options.Lease/6, k.ends.Sub(asked)))
	defer cancel()
	tag, err := k.runner.pool.Exec(ctx, renewSQL, k.args...)
	if err != nil {
		return false, err //nolint:wrapcheck // keep says what it was
	}
	k.ends = asked.Add(k.runner.options.Lease)
	return tag.RowsAffected() == 1, nil
}
