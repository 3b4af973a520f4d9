package steps

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail"
)

// awaitPoll is how often a run that waits for others is looked at. Their end makes it due at once, unless it is about to wait at that moment.
const awaitPoll = 10 * time.Second

// pendingSQL relies on the unique index of keys.
const pendingSQL = `SELECT count(*) FROM unnest($1::text[]) AS awaited
	WHERE NOT EXISTS (SELECT FROM contrail.runs AS r WHERE r.key = awaited AND r.ended_at IS NOT NULL)`

// Await is a step that waits until other runs have ended, in whatever way: keys tells theirs, once in effect. One that is not there yet is waited for. Steps behind
// it may look at what the others have come to.
func Await(name string, keys func(ctx context.Context, tx pgx.Tx, run *State) ([]string, error)) Step {
	if keys == nil {
		return Step{name: name, fault: "Await without a function"}
	}
	return Step{name: name, perform: func(ctx context.Context, p *performance) error {
		if len(p.run.awaits) > 0 {
			return p.lookAgain(ctx)
		}
		return p.transact(ctx, func(ctx context.Context, tx pgx.Tx) error {
			awaited, err := keys(ctx, tx, &p.state)
			if err != nil {
				return err
			}
			return p.await(ctx, tx, awaited)
		}, p.succeeded)
	}}
}

// await returns nil when nothing is pending.
func (p *performance) await(ctx context.Context, tx pgx.Tx, awaited []string) error {
	var faults []error
	for _, key := range awaited {
		switch problem := unfit(key, maxKey); {
		case problem != "":
			faults = append(faults, fmt.Errorf("await the run %q: the key %s", shortened(key), problem))
		case key == p.run.key:
			faults = append(faults, fmt.Errorf("await the run %q: it is this one", shortened(key)))
		}
	}
	if len(faults) > 0 {
		return contrail.Permanent(errors.Join(faults...))
	}
	pending := 0
	if err := tx.QueryRow(ctx, pendingSQL, awaited).Scan(&pending); err != nil {
		return fmt.Errorf("look at the awaited runs: %w", err)
	}
	if pending == 0 {
		return nil
	}
	return &controlError{what: whatWaiting, status: Waiting, delay: awaitPoll, awaits: awaited}
}

// lookAgain goes on, or has the run wait once more, without a word in its log.
func (p *performance) lookAgain(ctx context.Context) error {
	conn, err := p.connection(ctx)
	if err != nil {
		return err
	}
	pending := 0
	if err := conn.QueryRow(ctx, pendingSQL, p.run.awaits).Scan(&pending); err != nil {
		return fmt.Errorf("look at the awaited runs: %w", err)
	}
	if pending == 0 {
		p.state.clear()
		return p.moveAlone(ctx, p.succeeded())
	}
	return p.waitOn(ctx)
}
