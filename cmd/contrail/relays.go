package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/contrail-events/contrail/publisher/control"
)

// relaysVerb looks at the relays that run and tells them what to do.
type relaysVerb struct {
	List   relaysListVerb   `cmd:"" help:"List the relays that run, what they do and how they fare."`
	Pause  relaysPauseVerb  `cmd:"" help:"Pause one relay, or a stream whoever relays it."`
	Resume relaysResumeVerb `cmd:"" help:"Resume one relay, or a stream."`
	Stop   relaysStopVerb   `cmd:"" help:"Stop one relay, or all of a stream."`
	Dump   relaysDumpVerb   `cmd:"" help:"Print the stacks of a relay's goroutines."`
}

// orderFlags are those of the verbs that tell relays what to do.
type orderFlags struct {
	Timeout time.Duration `default:"15s" help:"How long to wait until it is so."`
}

// check refuses what makes no sense.
func (f orderFlags) check() error {
	if f.Timeout < 0 {
		return usagef("--timeout is %s; give 0s or more", f.Timeout)
	}
	return nil
}

// inTime runs what waits for relays until the timeout.
func (f orderFlags) inTime(ctx context.Context, wait func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, f.Timeout)
	defer cancel()
	err := wait(ctx)
	if _, pending := errors.AsType[*control.PendingError](err); pending && errors.Is(err, context.DeadlineExceeded) {
		return errors.New(err.Error() + "; it was told so, and will heed it when it can; give a longer --timeout to wait for that")
	}
	return err
}

// withRelays opens what the verbs below work with: a pool on the store.
func (a *app) withRelays(ctx context.Context, do func(ctx context.Context, pool *pgxpool.Pool) error) error {
	pool, err := a.openStore(ctx, 1)
	if err != nil {
		return err
	}
	defer pool.Close()
	return do(ctx, pool)
}

// findRelay is the relay that the name means, on whatever stream.
func findRelay(ctx context.Context, pool *pgxpool.Pool, name string) (control.Relay, error) {
	relay, err := control.Find(ctx, pool, "", name)
	if errors.Is(err, control.ErrNotFound) {
		return control.Relay{}, fmt.Errorf("%w; contrail relays list shows which there are", err)
	}
	return relay, err
}
