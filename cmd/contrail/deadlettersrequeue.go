package main

import (
	"context"
	"iter"
	"math"
	"os"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail/subscribers/deadletters"
)

// deadLettersRequeueVerb requeues letters.
type deadLettersRequeueVerb struct {
	deadLettersChoice

	Rate       float64 `default:"100" help:"Letters requeued in a second, at most; 0: as many as the broker takes."`
	MaxReplays int     `default:"5" help:"Letters that were requeued so often already are refused."`
	Because    string  `env:"-" placeholder:"TEXT" help:"Why; kept with what is requeued."`
}

// Help teaches.
func (*deadLettersRequeueVerb) Help() string {
	return `Brings events back to the consumer that could not handle them, and to no other, the oldest first. The dead letter carries the event,
so this works when the event itself is gone from its stream. It goes as soon as a copy of it is in the consumer's queue; the copy stays as
long as dead letters do (contrail dead-letters list --state requeued). An event that fails again is a dead letter again, with a number of
replays. Do away with the cause first.

--all means the dead letters that the filters select, and asks first. Each letter is told of. It may be interrupted and run again: no
event is requeued twice. It exits 1 when a letter is not requeued.

Examples:

  contrail dead-letters requeue 17 23
  contrail dead-letters requeue --all --consumer invoice-notifications --error 'division by zero' --because 'fixed in 1.2'
  contrail dead-letters requeue --all --yes --since 2h --rate 10`
}

// Run requeues.
func (v *deadLettersRequeueVerb) Run(ctx context.Context, a *app) error {
	options, err := v.options()
	if err != nil {
		return err
	}
	return v.run(ctx, a, deadLettersChange{
		word: "requeue", asks: "handled again", answer: os.Stdin,
		do: func(js jetstream.JetStream, which deadletters.Selection) iter.Seq2[deadletters.Outcome, error] {
			return deadletters.Requeue(ctx, js, which, options)
		},
	})
}

// options says the flags in the package's words, where zero means something else.
func (v *deadLettersRequeueVerb) options() (deadletters.Options, error) {
	options := deadletters.Options{
		Decision: deadletters.Decision{By: person(), Because: v.Because}, Rate: v.Rate, MaxReplays: v.MaxReplays,
	}
	switch {
	case v.Rate < 0 || math.IsNaN(v.Rate):
		return options, usagef("--rate is %v; give letters a second, or 0", v.Rate)
	case v.MaxReplays < 1:
		return options, usagef("--max-replays is %d; give 1 or more", v.MaxReplays)
	case v.Rate == 0:
		options.Rate = deadletters.Unlimited
	}
	if err := options.Validate(); err != nil {
		return options, usageError{inDeadLetterFlags(err)}
	}
	return options, nil
}
