package domain

import (
	"context"
	"errors"
	"fmt"

	"github.com/contrail-events/contrail"
)

// behindError says that the register has no entry of an aggregate that there is, or one that its stream is ahead of, and knows how to heal
// that. It wraps contrail.ErrConflict: once it is healed, the command may pass.
type behindError struct {
	Ref

	heal func(ctx context.Context, tx Tx) error
}

func (e *behindError) Error() string {
	return fmt.Sprintf("the register is behind %s-%s", e.Kind, e.ID)
}

func (e *behindError) Unwrap() error { return contrail.ErrConflict }

// behind returns a behindError for an aggregate of the tenant's, and ErrNotFound where there is none.
func behind[S, C any, E contrail.Payload](ctx context.Context, tx Tx, actor Actor, decider Decider[S, C, E], ref Ref) error {
	if _, err := decider.find(ctx, tx, actor, ref.ID, At{}); err != nil {
		return err
	}
	return &behindError{Ref: ref, heal: func(ctx context.Context, tx Tx) error {
		found, err := decider.find(ctx, tx, actor, ref.ID, At{})
		if err != nil {
			return err
		}
		return decider.save(ctx, tx, found.Aggregate, false)
	}}
}

// inTxHealing runs fn in one transaction, and again after each entry that it found to be missing or behind and that was healed. A command
// refers to two aggregates at most.
func (h handler[S, C, E]) inTxHealing(ctx context.Context, fn func(ctx context.Context, tx Tx) error) error {
	err := h.transactor.InTx(ctx, fn)
	for range 2 {
		missing, ok := errors.AsType[*behindError](err)
		if !ok {
			break
		}
		if err := h.heal(ctx, missing); err != nil {
			return err
		}
		err = h.transactor.InTx(ctx, fn)
	}
	return err
}

// heal writes an entry from its stream, in a transaction of its own: so it stays when the command is refused, and no two that heal can
// wait for one another. That somebody else was faster is as good.
func (h handler[S, C, E]) heal(ctx context.Context, missing *behindError) error {
	err := h.transactor.InTx(ctx, missing.heal)
	if err != nil && !errors.Is(err, contrail.ErrConflict) {
		return fmt.Errorf("write the entry of %s-%s: %w", missing.Kind, missing.ID, err)
	}
	return nil
}
