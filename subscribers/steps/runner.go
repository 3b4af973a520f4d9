package steps

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Runner performs runs. Any number of goroutines may use it.
type Runner struct {
	pool    *pgxpool.Pool
	options Options
}

// New returns a runner, or an error that names every faulty field of options. A run uses up to two connections of the pool at a time: one for its steps, and
// one, now and then, for its lock. Without a spare one long steps may lose their lock. The database must be migrated.
func New(pool *pgxpool.Pool, options Options) (*Runner, error) {
	options = options.withDefaults()
	if err := options.validate(); err != nil {
		return nil, fmt.Errorf("steps.Options: %w", err)
	}
	return &Runner{pool: pool, options: options}, nil
}

// Run is [Runner.Run] with the default options.
func Run(ctx context.Context, pool *pgxpool.Pool, key string, args any, steps ...Step) (json.RawMessage, error) {
	runner, err := New(pool, Options{})
	if err != nil {
		return nil, err
	}
	return runner.Run(ctx, key, args, steps...)
}

// Run begins the run with this key, or goes on with it, until it has ended or can't go on at present. Tenants share the keys: let the key name the tenant. It returns what a step has returned by [State.Return], as
// PostgreSQL writes it, and nil if none has; for a run that has finished already no step is performed.
//
// args are for the steps ([Args]), and part of what the run is: anything that marshals to JSON, compared as JSON. Metadata that ctx carries when the run begins
// ([contrail.WithMetadata]) is kept with it, and is in the ctx of its steps, whoever performs them.
//
// Errors: an error that names all that is wrong with key, args and steps, before anything is written; [*StepError]; [ErrArgsMismatch],
// [*DefinitionMismatchError], [*LockedError], [ErrLockLost], [*WaitingError], [*HaltedError], [*FailedError], [*CancelledError]; and what the database says
// while it is out of reach: then the run may have gone on or not, which shows when it is begun again, and until its lease has run out it may stand locked. When ctx ends the step that is under way is
// rolled back, unless it has returned nil by then, and the run stands free for others.
func (r *Runner) Run(ctx context.Context, key string, args any, steps ...Step) (json.RawMessage, error) {
	if err := validate(key, steps); err != nil {
		return nil, fmt.Errorf("steps.Run: %w", err)
	}
	data, err := marshal(args)
	if err != nil {
		return nil, fmt.Errorf("steps.Run: args of %s: %w", key, err)
	}
	p := &performance{runner: r, steps: steps}
	defer p.giveBack()
	if err := p.begin(ctx, newRun{key: key, args: data, definition: names(steps)}); err != nil {
		return nil, err
	}
	return p.perform(ctx)
}

// Result reads what Run has returned into a T, as in steps.Result[Receipt](steps.Run(…)). It returns the zero value if no step has returned
// anything.
func Result[T any](result json.RawMessage, err error) (value T, _ error) {
	if err != nil || result == nil {
		return value, err
	}
	if err := json.Unmarshal(result, &value); err != nil {
		return value, fmt.Errorf("read the run's result: %w", err)
	}
	return value, nil
}

// processName is as in host:1234.
func processName() string {
	host, err := os.Hostname()
	if err != nil || host == "" {
		host = "unknown"
	}
	return fmt.Sprintf("%s:%d", host, os.Getpid())
}
