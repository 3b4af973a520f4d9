package domain

import (
	"context"
	"errors"
	"fmt"

	"github.com/contrail-events/contrail/domain/rule"
)

// question is a command as the answers know it.
type question struct {
	tenantID    string
	key         string
	asked       bool // false: the command has no key
	fingerprint Fingerprint
}

// question is what is asked of the answers.
func (r request) question(category string) (asked question, err error) {
	if r.options.once {
		asked = question{tenantID: r.actor.TenantID, key: r.options.key, asked: true}
		asked.fingerprint, err = r.fingerprint(category)
	}
	return asked, err
}

// once returns the answer that is kept, or does what is to be done and keeps it.
func (h handler[S, C, E]) once(
	ctx context.Context, tx Tx, asked question, do func(ctx context.Context, tx Tx) (Result, error),
) (Result, error) {
	if !asked.asked {
		return do(ctx, tx)
	}
	if result, answered, err := h.answered(ctx, tx, asked); err != nil || answered {
		return result, err
	}
	result, err := do(ctx, tx)
	if err != nil {
		return Result{}, err
	}
	err = tx.Keep(ctx, Answer{
		TenantID: asked.tenantID, Key: asked.key, Fingerprint: asked.fingerprint,
		Stream: h.decider.Stream(result.ID), First: result.Version - int64(len(result.Events)) + 1, Last: result.Version,
	})
	if err != nil {
		return Result{}, fmt.Errorf("keep the answer: %w", err)
	}
	return result, nil
}

// answered looks for an answer, and reads its events back.
func (h handler[S, C, E]) answered(ctx context.Context, tx Tx, asked question) (Result, bool, error) {
	answer, kept, err := tx.Answer(ctx, asked.tenantID, asked.key)
	switch {
	case err != nil:
		return Result{}, false, fmt.Errorf("look for an answer: %w", err)
	case !kept:
		return Result{}, false, nil
	case answer.Fingerprint != asked.fingerprint:
		return Result{}, false, rule.Check(rule.At("idempotency_key", ErrKeyReused))
	}
	result := Result{ID: answer.Stream.ID(), Version: answer.Last, Repeated: true}
	for recorded, err := range tx.Load(ctx, answer.Stream) {
		if err != nil {
			return Result{}, false, fmt.Errorf("read the answer's events back: load %s: %w", answer.Stream, err)
		}
		if recorded.Version > answer.Last {
			break
		}
		if recorded.Version >= answer.First {
			result.Events = append(result.Events, recorded)
		}
	}
	return result, true, nil
}

// answeredMeanwhile looks at a refusal again: the same command may have run at the same moment and have been faster, so that its own
// effect is what stood in the way.
func (h handler[S, C, E]) answeredMeanwhile(ctx context.Context, asked question, refusal error) (result Result, err error) {
	if errors.Is(refusal, ErrKeyReused) {
		return Result{}, refusal
	}
	err = h.transactor.InTx(ctx, func(ctx context.Context, tx Tx) (err error) {
		var answered bool
		if result, answered, err = h.answered(ctx, tx, asked); err == nil && !answered {
			err = refusal
		}
		return err
	})
	if err != nil {
		return Result{}, err
	}
	return result, nil
}
