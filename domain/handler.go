package domain

import (
	"context"
	"errors"
	"fmt"

	"github.com/contrail-events/contrail"
)

// Result is what a command did.
type Result struct {
	ID     string              // the aggregate's
	Events []contrail.Recorded // what was appended, in order
}

// handler runs commands and queries on one kind of aggregate.
type handler[S, C any, E contrail.Payload] struct {
	decider    Decider[S, C, E]
	transactor Transactor
	clock      Clock
	config     Config
}

func newHandler[S, C any, E contrail.Payload](
	decider Decider[S, C, E], transactor Transactor, clock Clock, config Config,
) (handler[S, C, E], error) {
	if err := config.validate(transactor, clock); err != nil {
		return handler[S, C, E]{}, fmt.Errorf("new %s service: %w", decider.Category, err)
	}
	return handler[S, C, E]{decider: decider, transactor: transactor, clock: clock, config: config.withDefaults()}, nil
}

// create runs a command on a new aggregate, whose id is the same in every attempt. The command is made within the transaction.
func (h handler[S, C, E]) create(
	ctx context.Context, actor Actor, command func(ctx context.Context, store Store, id string) (C, error),
) (Result, error) {
	id := h.config.NewID()
	if !isCanonical(id) {
		return Result{}, fmt.Errorf("new %s: Config.NewID returned %q: it must be a canonical UUID", h.decider.Category, id)
	}
	return h.try(ctx, actor, id, func(ctx context.Context, store Store) ([]contrail.Recorded, error) {
		found, err := h.decider.load(ctx, store, actor, id)
		if err != nil {
			return nil, err
		}
		prepared, err := command(ctx, store, id)
		if err != nil {
			return nil, err
		}
		return h.decideAndAppend(ctx, store, actor, found.Aggregate, prepared)
	})
}

// change runs a command on an aggregate that must exist. The command is made within the transaction, and may look at the state.
func (h handler[S, C, E]) change(
	ctx context.Context, actor Actor, id string, command func(ctx context.Context, store Store, state S) (C, error),
) (Result, error) {
	return h.try(ctx, actor, id, func(ctx context.Context, store Store) ([]contrail.Recorded, error) {
		found, err := h.decider.find(ctx, store, actor, id)
		if err != nil {
			return nil, err
		}
		prepared, err := command(ctx, store, found.State)
		if err != nil {
			return nil, err
		}
		return h.decideAndAppend(ctx, store, actor, found.Aggregate, prepared)
	})
}

// do is change for a command that is ready.
func (h handler[S, C, E]) do(ctx context.Context, actor Actor, id string, command C) (Result, error) {
	return h.change(ctx, actor, id, func(context.Context, Store, S) (C, error) { return command, nil })
}

// try runs the whole transaction anew as long as a stream moves under it, but no more than Config.Attempts times. It does not wait
// in between: the event that was in the way is committed, so the next attempt sees it.
func (h handler[S, C, E]) try(
	ctx context.Context, actor Actor, id string, step func(ctx context.Context, store Store) ([]contrail.Recorded, error),
) (Result, error) {
	if err := actor.check(); err != nil {
		return Result{}, err
	}
	for attempt := 1; ; attempt++ {
		result := Result{ID: id}
		err := h.transactor.InTx(ctx, func(ctx context.Context, store Store) (err error) {
			result.Events, err = step(ctx, store)
			return err
		})
		switch {
		case err == nil:
			return result, nil
		case !errors.Is(err, contrail.ErrConflict) || ctx.Err() != nil:
			return Result{}, err
		case attempt >= h.config.Attempts:
			return Result{}, fmt.Errorf("given up after %d attempts, try again: %w", attempt, err)
		}
	}
}

func (h handler[S, C, E]) decideAndAppend(
	ctx context.Context, store Store, actor Actor, aggregate Aggregate[S], command C,
) ([]contrail.Recorded, error) {
	stream := h.decider.Stream(aggregate.ID)
	payloads, err := h.decider.Decide(aggregate.State, command)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", stream, err)
	}
	events := make([]contrail.Event, len(payloads))
	for i, payload := range payloads {
		event, err := h.decider.Codec.Encode(payload)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", stream, err)
		}
		events[i] = actor.sign(event)
	}
	recorded, err := store.Append(ctx, stream, aggregate.Version, events...)
	if err != nil {
		return nil, fmt.Errorf("append %s at version %d: %w", stream, aggregate.Version, err)
	}
	return recorded, nil
}

// find is the query: one aggregate with its history.
func (h handler[S, C, E]) find(ctx context.Context, actor Actor, id string) (found Found[S], err error) {
	if err := actor.check(); err != nil {
		return found, err
	}
	err = h.transactor.InTx(ctx, func(ctx context.Context, store Store) (err error) {
		found, err = h.decider.find(ctx, store, actor, id)
		return err
	})
	if err != nil {
		return Found[S]{}, err
	}
	return found, nil
}
