package main

import (
	"context"
	"os"

	"github.com/contrail-events/contrail/subscribers/steps"
)

// runsRetryVerb has runs go on.
type runsRetryVerb struct {
	runsChoice

	State []string `env:"-" enum:"ready,waiting,compensating,halted,failed" placeholder:"STATE" help:"With --all: runs in this state, one of ${enum}, halted if none is given; may be given several times."`
}

// Help teaches.
func (*runsRetryVerb) Help() string {
	return `Has runs go on now, and counts their failures anew. One that is halted goes on with the step that has halted it. One that waits, for a time or to be
tried again, is due at once: a sleep is over. One that has failed goes on with the step that has failed, if nothing was undone and nothing of
that step is done; otherwise begin another one, with another key. A worker of the workflow performs them; a run that was begun without a
worker goes on when whoever has begun it comes again.

--all means the runs that the filters select, and asks first. Each run is told of. It exits 1 when one does not go on.

Examples:

  contrail runs retry orders/42 --because 'the bank has answered'
  contrail runs retry --all --state failed --workflow reminders --error 'connection refused' --because 'the mail server is back'`
}

// Run has them go on.
func (v *runsRetryVerb) Run(ctx context.Context, a *app) error {
	return v.run(ctx, a, runsChange{
		word: "retry", asks: "go on", answer: os.Stdin, do: steps.Retry, usual: []steps.Status{steps.Halted},
		states: []steps.Status{steps.Ready, steps.Waiting, steps.Compensating, steps.Halted, steps.Failed},
	}, v.State)
}
