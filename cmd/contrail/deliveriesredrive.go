package main

import (
	"context"
	"os"

	"github.com/contrail-events/contrail/subscribers/deliveries"
)

// deliveriesRedriveVerb redrives deliveries.
type deliveriesRedriveVerb struct {
	deliveriesChoice

	Force bool `env:"-" help:"Also what has succeeded, which reaches the recipient twice."`
}

// Help teaches.
func (*deliveriesRedriveVerb) Help() string {
	return `Has deliveries sent. One that failed, is held or waits is due at once, and may be tried as often as a new one. One that was suppressed or
cancelled stays what it is, and its event is sent again as a new delivery; that happens once. Rules are asked before anything is sent. Do
away with the cause first. A delivery of which nobody knows whether it took effect may reach the recipient twice: look on the other side
before.

--all means the deliveries that are held, or with --state others, as far as the filters select them, and asks first; what has changed while it
asked stays as it is. Each delivery is told of. It exits 1 when a delivery is not sent.

Examples:

  contrail deliveries redrive 0192d9a1-7c3e-7c4e-9a30-0f3f2f4b5a6c --because 'they have not got it'
  contrail deliveries redrive --all --consumer invoice-mail --state cancelled --reason retries_exhausted --because 'the provider is back'`
}

// Run redrives.
func (v *deliveriesRedriveVerb) Run(ctx context.Context, a *app) error {
	states := []deliveries.State{deliveries.Pending, deliveries.Failed, deliveries.Suppressed, deliveries.Cancelled}
	if v.Force {
		states = append(states, deliveries.Succeeded)
	}
	return v.run(ctx, a, deliveriesChange{
		word: "redrive", asks: "sent", answer: os.Stdin, states: states, do: deliveries.Redrive, order: deliveries.Order{Force: v.Force},
		usual: deliveries.Filter{Standings: []deliveries.Standing{deliveries.StandingHeld}},
	})
}
