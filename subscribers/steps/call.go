package steps

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// Call is a step outside the database: call is made without a transaction, and what it returns is given to record, in the transaction that moves the recovery
// point. record may be nil. When call has succeeded but could not be recorded, because the process has died or record has failed, both are performed again, with
// the same [State.Key]: a side that knows the key answers as it did before. When only the transaction must be tried again, call isn't made
// again. What call sets is kept with record's transaction; a verdict such as [Wait] that call returns is in place of record's.
func Call[T any](
	name string, call func(ctx context.Context, run *State) (T, error), record func(ctx context.Context, tx pgx.Tx, run *State, result T) error,
) Step {
	if call == nil {
		return Step{name: name, fault: "Call without a function"}
	}
	return Step{name: name, outside: true, perform: func(ctx context.Context, p *performance) error {
		var result T
		made := func(ctx context.Context) (err error) {
			result, err = call(ctx, &p.state)
			return err
		}
		recorded := nothing
		if record != nil {
			recorded = func(ctx context.Context, tx pgx.Tx) error { return record(ctx, tx, &p.state, result) }
		}
		return p.callOut(ctx, made, recorded, p.succeeded)
	}}
}

// nothing is what is recorded of a call that has no more to it.
func nothing(context.Context, pgx.Tx) error { return nil }

// callOut makes a call without a transaction, and records it in one.
func (p *performance) callOut(
	ctx context.Context, call func(ctx context.Context) error, record func(ctx context.Context, tx pgx.Tx) error, over func() move,
) error {
	p.giveBack() // others may have the connection meanwhile
	p.state.clear()
	err := protect(func() error { return call(ctx) })
	control, controlled := controlOf(err)
	if err != nil && !controlled {
		return err
	}
	if controlled {
		record = func(context.Context, pgx.Tx) error { return control }
	}
	return p.transactWith(ctx, p.state.pending(), record, over)
}
