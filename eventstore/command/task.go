package command

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
)

// rollbackLimit is how long giving a transaction up may take when ctx has ended.
const rollbackLimit = 5 * time.Second

// task is one command on one aggregate, and what its attempts share.
type task[S, C any, E contrail.Payload] struct {
	*Handler[S, C, E]

	stream   contrail.StreamID
	command  C
	settings settings
	known    aggregate[S] // as the last attempt loaded it, so that the next one reads only what has come since
}

// outcome is what an attempt came to.
type outcome[S any] struct {
	aggregate[S]

	appended []contrail.Recorded
}

func (o outcome[S]) result() Result[S] {
	return Result[S]{State: o.state, Version: o.version, Events: o.appended}
}

func (h *Handler[S, C, E]) task(id string, command C, options []Option) (*task[S, C, E], error) {
	stream := contrail.NewStreamID(h.decider.Category, id)
	settings, err := gather(options)
	if err := errors.Join(stream.Validate(), err); err != nil {
		return nil, fmt.Errorf("handle %s: %w", stream, err)
	}
	return &task[S, C, E]{Handler: h, stream: stream, command: command, settings: settings}, nil
}

// inOwnTransaction makes one attempt, and leaves no transaction open, whatever happens in it.
func (t *task[S, C, E]) inOwnTransaction(ctx context.Context, db DB) (outcome[S], error) {
	// The version that the append expects guards all that Decide has seen, so a stricter level would only add failures.
	tx, err := db.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.ReadCommitted})
	if err != nil {
		return outcome[S]{}, fmt.Errorf("handle %s: begin: %w", t.stream, err)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackLimit)
		defer cancel()
		_ = tx.Rollback(ctx) // after a commit it does nothing
	}()
	done, err := t.in(ctx, tx)
	if err != nil {
		return outcome[S]{}, err
	}
	if err := tx.Commit(ctx); err != nil {
		return outcome[S]{}, fmt.Errorf("handle %s: commit: %w", t.stream, err)
	}
	return done, nil
}

// in makes one attempt in tx: load, decide, append.
func (t *task[S, C, E]) in(ctx context.Context, tx pgx.Tx) (outcome[S], error) {
	current, err := t.load(ctx, tx, t.stream, t.known)
	t.known = aggregate[S]{} // what Evolve makes of it may share memory with it
	if err != nil {
		return outcome[S]{}, err
	}
	if t.settings.pinned && t.settings.version != current.version {
		return outcome[S]{}, fmt.Errorf("handle %s: %w", t.stream, &eventstore.ConflictError{
			Stream: t.stream, Expected: eventstore.Exactly(t.settings.version), Actual: current.version,
		})
	}
	events, err := t.decider.decide(t.stream, current.state, t.command)
	if err != nil || len(events) == 0 {
		return outcome[S]{aggregate: current}, err
	}
	appended, err := t.store.Append(ctx, tx, t.stream, eventstore.Exactly(current.version), events...)
	if err != nil {
		t.known = current
		return outcome[S]{}, err
	}
	// The state comes from what was recorded, as every later load makes it; and an event that can't be read again is not committed.
	for _, recorded := range appended {
		if err := t.decider.apply(&current, recorded); err != nil {
			return outcome[S]{}, err
		}
	}
	return outcome[S]{aggregate: current, appended: appended}, nil
}
