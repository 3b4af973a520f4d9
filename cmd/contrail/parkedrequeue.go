package main

import (
	"context"

	"github.com/contrail-events/contrail/publisher/parked"
)

// parkedRequeueVerb requeues events.
type parkedRequeueVerb struct {
	parkedChoice

	Because string `env:"-" placeholder:"TEXT" help:"Why; kept beside the event."`
	Undo    bool   `env:"-" help:"Take it back, as long as the relay has not published them: park them again."`
}

// Help teaches.
func (*parkedRequeueVerb) Help() string {
	return `Has the relay publish events that are parked or discarded, at the end of the stream and so out of their order, as soon as
it sees to it: at once when it is idle, within a second else. Their reason and their last error stay. What is held behind them follows by
itself. Do away with the cause first, or they come back.

--all means the parked events that the filters select, and asks first; discarded ones are meant only with --state discarded. Each
position is told of. It exits 1 when one that was named is not as was asked for.

Examples:

  contrail parked requeue 17 23
  contrail parked requeue --all --reason message_too_large --because 'max_payload is 8 MB now'
  contrail parked requeue 17 --undo`
}

// Run requeues.
func (v *parkedRequeueVerb) Run(ctx context.Context, a *app) error {
	change := parkedChange{
		word: "requeue", asks: "published at its end", states: []parked.State{parked.Parked, parked.Discarded}, do: parked.Requeue,
	}
	if v.Undo {
		change = parkedChange{word: "undo", asks: "parked again", states: []parked.State{parked.Requeued}, do: parked.Withdraw}
	}
	return v.run(ctx, a, change, v.Because)
}
