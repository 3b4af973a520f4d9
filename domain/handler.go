package domain

import (
	"context"
	"errors"
	"fmt"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/domain/rule"
)

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

// create runs a command on a new aggregate, whose id is the same in every attempt. The command is made within the transaction. That there
// is no such aggregate yet is only looked at when the register or the append has found one.
func (h handler[S, C, E]) create(
	ctx context.Context, given request, command func(ctx context.Context, tx Tx, id string) (C, error),
) (Result, error) {
	if err := given.check(); err != nil {
		return Result{}, err
	}
	id := h.config.NewID()
	if !isCanonical(id) {
		return Result{}, fmt.Errorf("new %s: Config.NewID returned %q: it must be a canonical UUID", h.decider.Category, id)
	}
	return h.try(ctx, given, func(ctx context.Context, tx Tx, again bool) (Result, error) {
		found := Found[S]{Aggregate: Aggregate[S]{ID: id}}
		if again {
			var err error
			if found, err = h.decider.load(ctx, tx, given.actor, id, At{}); err != nil {
				return Result{}, err
			}
		}
		if err := given.options.checkVersion(h.ref(id), found.Version); err != nil {
			return Result{}, err
		}
		prepared, err := command(ctx, tx, id)
		if err != nil {
			return Result{}, err
		}
		return h.decideAndAppend(ctx, tx, given.actor, found.Aggregate, prepared)
	})
}

// change runs a command on an aggregate that must exist. The command is made within the transaction, and may look at the state.
func (h handler[S, C, E]) change(
	ctx context.Context, given request, command func(ctx context.Context, tx Tx, state S) (C, error),
) (Result, error) {
	if err := given.check(); err != nil {
		return Result{}, err
	}
	return h.try(ctx, given, func(ctx context.Context, tx Tx, _ bool) (Result, error) {
		found, err := h.decider.find(ctx, tx, given.actor, given.id, At{})
		if err != nil {
			return Result{}, err
		}
		if err := given.options.checkVersion(h.ref(given.id), found.Version); err != nil {
			return Result{}, err
		}
		prepared, err := command(ctx, tx, found.State)
		if err != nil {
			return Result{}, err
		}
		return h.decideAndAppend(ctx, tx, given.actor, found.Aggregate, prepared)
	})
}

// do is change for a command that is ready.
func (h handler[S, C, E]) do(ctx context.Context, given request, command C) (Result, error) {
	return h.change(ctx, given, func(context.Context, Tx, S) (C, error) { return command, nil })
}

func (h handler[S, C, E]) ref(id string) Ref { return Ref{Kind: h.decider.Category, ID: id} }

// decideAndAppend saves the entry before it appends: the entry of one that is deleted is then waited for before the event draws its
// position, so that nothing which refers to it comes after it in the global order.
func (h handler[S, C, E]) decideAndAppend(
	ctx context.Context, tx Tx, actor Actor, before Aggregate[S], command C,
) (Result, error) {
	stream := h.decider.Stream(before.ID)
	payloads, err := h.decider.Decide(before.State, command)
	if err != nil {
		return Result{}, fmt.Errorf("%s: %w", stream, err)
	}
	after := Aggregate[S]{ID: before.ID, TenantID: actor.TenantID, Version: before.Version + int64(len(payloads)), State: before.State}
	events := make([]contrail.Event, len(payloads))
	for i, payload := range payloads {
		event, err := h.decider.Codec.Encode(payload)
		if err != nil {
			return Result{}, fmt.Errorf("%s: %w", stream, err)
		}
		events[i], after.State = actor.sign(event), h.decider.Evolve(after.State, payload)
	}
	if err := h.decider.save(ctx, tx, after, before.Version == 0); err != nil {
		return Result{}, fmt.Errorf("save the entry of %s: %w", stream, err)
	}
	recorded, err := tx.Append(ctx, stream, before.Version, events...)
	if err != nil {
		return Result{}, fmt.Errorf("append %s at version %d: %w", stream, before.Version, err)
	}
	return Result{ID: before.ID, Version: after.Version, Events: recorded}, nil
}

// save writes the entry of an aggregate. One that is written for the first time though the aggregate is old may have a reference that
// another one has, too, because somebody wrote both without asking; the other one keeps it. One that no command would have taken is none.
func (d Decider[S, C, E]) save(ctx context.Context, tx Tx, aggregate Aggregate[S], isNew bool) error {
	entry := d.entry(aggregate)
	if rule.Reference(entry.Reference) != nil {
		entry.Reference = ""
	}
	err := tx.Save(ctx, entry)
	if !isNew && errors.Is(err, ErrReferenceTaken) {
		entry.Reference = ""
		err = tx.Save(ctx, entry)
	}
	return err
}

// find is the query: one aggregate with its history, as of a point in its past.
func (h handler[S, C, E]) find(ctx context.Context, actor Actor, id string, at At) (found Found[S], err error) {
	if err := actor.check(); err != nil {
		return found, err
	}
	if err := rule.Check(at.check()); err != nil {
		return found, err
	}
	err = h.transactor.InTx(ctx, func(ctx context.Context, tx Tx) (err error) {
		found, err = h.decider.find(ctx, tx, actor, id, at)
		return err
	})
	if err != nil {
		return Found[S]{}, err
	}
	return found, nil
}
