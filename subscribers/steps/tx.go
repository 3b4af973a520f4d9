package steps

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// Tx is a step in the database: do and the recovery point behind it commit in one transaction, or neither does. do may append events by it. tx is not do's
// to end.
func Tx(name string, do func(ctx context.Context, tx pgx.Tx, run *State) error) Step {
	if do == nil {
		return Step{name: name, fault: "Tx without a function"}
	}
	return Step{name: name, perform: func(ctx context.Context, p *performance) error {
		return p.transact(ctx, func(ctx context.Context, tx pgx.Tx) error { return do(ctx, tx, &p.state) }, p.succeeded)
	}}
}
