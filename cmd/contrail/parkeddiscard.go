package main

import (
	"context"

	"github.com/contrail-events/contrail/publisher/parked"
)

// parkedDiscardVerb discards events.
type parkedDiscardVerb struct {
	parkedChoice

	Because string `env:"-" placeholder:"TEXT" help:"Why; kept beside the event, and required."`
}

// Help teaches.
func (*parkedDiscardVerb) Help() string {
	return `Decides that events shall not be published, and why. They stay in the store, and their absence from the stream is excused:
contrail verify does not miss them. What is held behind them is published without them. A discarded event can be requeued.

--all means the parked events that the filters select, and asks first; held and requeued ones are meant only with --state. Each position
is told of. It exits 1 when one that was named is not as was asked for.

Examples:

  contrail parked discard 17 --because 'a test event, nobody needs it'
  contrail parked discard --all --stream-id invoice-42 --state parked --state held --because 'billed by hand'`
}

// Run discards.
func (v *parkedDiscardVerb) Run(ctx context.Context, a *app) error {
	if v.Because == "" {
		return usagef("no reason is given; say with --because why these events shall not be published")
	}
	change := parkedChange{
		word: "discard", asks: "left out for good", states: []parked.State{parked.Parked, parked.Held, parked.Requeued}, do: parked.Discard,
	}
	return v.run(ctx, a, change, v.Because)
}
