package steps

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail"
)

// ForEach is a step that goes through a list, one element a transaction: each element's effect and the cursor behind it commit together. list is called once in
// effect; what it returns must marshal to JSON, and is kept with the run. [State.Round] is the element's index. [Repeat], [Wait] and [Halt]
// have the same element again.
func ForEach[T any](
	name string, list func(ctx context.Context, tx pgx.Tx, run *State) ([]T, error), each func(ctx context.Context, tx pgx.Tx, run *State, element T) error,
) Step {
	if list == nil || each == nil {
		return Step{name: name, fault: "ForEach without a function"}
	}
	return Step{name: name, perform: func(ctx context.Context, p *performance) error {
		if p.run.list == nil {
			return p.listed(ctx, func(ctx context.Context, tx pgx.Tx) ([]json.RawMessage, error) {
				elements, err := list(ctx, tx, &p.state)
				if err != nil {
					return nil, err
				}
				return marshalAll(elements)
			})
		}
		return p.transact(ctx, func(ctx context.Context, tx pgx.Tx) error {
			var element T
			if err := json.Unmarshal(p.run.list[p.run.round], &element); err != nil {
				return contrail.Permanent(fmt.Errorf("read element %d: %w", p.run.round, err))
			}
			return each(ctx, tx, &p.state, element)
		}, p.elementDone)
	}}
}

func marshalAll[T any](elements []T) ([]json.RawMessage, error) {
	list := make([]json.RawMessage, len(elements))
	for i, element := range elements {
		data, err := marshal(element)
		if err != nil {
			return nil, contrail.Permanent(fmt.Errorf("keep element %d: %w", i, err))
		}
		list[i] = data
	}
	return list, nil
}

// listed has the elements kept that a step goes through. Of an empty list there is nothing to keep.
func (p *performance) listed(ctx context.Context, list func(ctx context.Context, tx pgx.Tx) ([]json.RawMessage, error)) error {
	var elements []json.RawMessage
	return p.transact(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		elements, err = list(ctx, tx)
		return err
	}, func() move {
		if len(elements) == 0 {
			return p.succeeded()
		}
		next := p.stay(Ready, whatListed)
		next.list, next.detail = elements, fmt.Sprintf("%d elements", len(elements))
		return next
	})
}

// elementDone is the move behind an element.
func (p *performance) elementDone() move {
	if p.run.round+1 >= int64(len(p.run.list)) {
		return p.succeeded()
	}
	next := p.stay(Ready, whatElement)
	next.round, next.detail = p.run.round+1, fmt.Sprintf("%d of %d", p.run.round+1, len(p.run.list))
	return next
}
