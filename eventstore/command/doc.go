// Package command runs commands on event-sourced aggregates. An aggregate is a [Decider]: a few pure functions. A [Handler] does the rest:
// it folds the aggregate's events into its state, lets the decider decide, appends what was decided under the version that it had seen,
// and begins anew, a bounded number of times, when somebody else was faster.
//
//	invoices, err := command.New(store, command.Decider[invoice.State, invoice.Command, invoice.Event]{
//		Category: "invoice", Decide: invoice.Decide, Evolve: invoice.Evolve,
//		Decode: func(recorded contrail.Recorded) ([]invoice.Event, error) { return codec.DecodeAs[invoice.Event](events, recorded) },
//	}, command.Config{Snapshots: command.Every(100), StateSchema: 1})
//
//	result, err := invoices.Handle(ctx, pool, "42", invoice.Issue{At: now})  // in a transaction of its own
//	result, err := invoices.HandleTx(ctx, tx, "42", invoice.Issue{At: now})  // in the caller's
//	state, version, err := invoices.Load(ctx, pool, "42")
//
// # Snapshots
//
// A snapshot is a state as JSON, kept so that only the events after it have to be read. There are none unless [Config].Snapshots asks for
// them, and they are never a source of truth: the rows of contrail.snapshots may be deleted at any time. One that can't be used is ignored,
// the state is folded from all events, and the next command that appends replaces it: a snapshot of another schema, or one that does not
// fit the state's type, whose last event does not stand where it did (after a restore), or that holds what was encrypted with a key that
// has been deleted. A command never fails because of a snapshot that can't be written.
//
// What makes them safe is up to two habits. The state must survive encoding/json: [New] refuses types of which JSON leaves something out.
// And [Config].StateSchema must be raised with every change of the state's type and of what Initial, Decode and Evolve make of the same
// events; where that is forgotten, old snapshots speak for the old code.
package command
