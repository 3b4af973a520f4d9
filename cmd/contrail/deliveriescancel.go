package main

import (
	"context"
	"os"

	"github.com/contrail-events/contrail/subscribers/deliveries"
)

// deliveriesCancelVerb cancels deliveries.
type deliveriesCancelVerb struct {
	deliveriesChoice
}

// Help teaches.
func (*deliveriesCancelVerb) Help() string {
	return `Decides that deliveries shall not be sent, and why. What is pending or has failed is cancelled at once. An attempt that is under way can't be
called back: its delivery is cancelled when it is over, unless it succeeds. What is cancelled can be redriven.

--all means the deliveries that are pending or failed, or with --state others, as far as the filters select them, and asks first; what has
changed while it asked stays as it is. Each delivery is told of. It exits 1 when a delivery is not cancelled.

Examples:

  contrail deliveries cancel 0192d9a1-7c3e-7c4e-9a30-0f3f2f4b5a6c --because 'paid by phone'
  contrail deliveries cancel --all --recipient contact-42 --because 'has left'`
}

// Run cancels.
func (v *deliveriesCancelVerb) Run(ctx context.Context, a *app) error {
	return v.run(ctx, a, deliveriesChange{
		word: "cancel", asks: "cancelled", answer: os.Stdin, do: deliveries.Cancel,
		states: []deliveries.State{deliveries.Pending, deliveries.Dispatched, deliveries.Failed},
		usual:  deliveries.Filter{States: []deliveries.State{deliveries.Pending, deliveries.Failed}},
	})
}
