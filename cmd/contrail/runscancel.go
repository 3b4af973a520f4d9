package main

import (
	"context"
	"os"

	"github.com/contrail-events/contrail/subscribers/steps"
)

// runsCancelVerb ends runs.
type runsCancelVerb struct {
	runsChoice

	State  []string `env:"-" enum:"ready,waiting,compensating,cancelling,halted" placeholder:"STATE" help:"With --all: runs in this state, one of ${enum}, those that go forward if none is given; may be given several times."`
	NoUndo bool     `env:"-" help:"End them at once, with nothing more undone: for what nobody can undo any more."`
}

// Help teaches.
func (*runsCancelVerb) Help() string {
	return `Ends runs before they have finished. What their steps have done is undone, the last one first, where a step says how; a worker of the workflow does
that at once, and then the run is cancelled. For a run that was begun without a worker, whoever has begun it does so when they come again.
Who performs a run at the moment commits nothing more of it. Runs that it waits for go on.

--no-undo ends them at once, as they are. --all means the runs that the filters select, and asks first. Each run is told of. It exits 1
when one is not cancelled.

Examples:

  contrail runs cancel reminders/invoice-42 --because 'paid in cash'
  contrail runs cancel --all --workflow trials --prefix trials/2026-11- --because 'the campaign is over'
  contrail runs cancel imports/7 --no-undo --because 'its program is gone'`
}

// Run ends them.
func (v *runsCancelVerb) Run(ctx context.Context, a *app) error {
	change := runsChange{
		word: "cancel", asks: "be cancelled", answer: os.Stdin, do: steps.Cancel, usual: []steps.Status{steps.Ready, steps.Waiting, steps.Halted},
		states: []steps.Status{steps.Ready, steps.Waiting, steps.Halted},
	}
	if v.NoUndo {
		change.do, change.asks = steps.Abandon, "be ended, with nothing more undone"
		change.states = append(change.states, steps.Compensating, steps.Cancelling)
	}
	return v.run(ctx, a, change, v.State)
}
