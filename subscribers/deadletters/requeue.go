package deadletters

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Defaults of [Options].
const (
	DefaultRate       = 100 // letters a second
	DefaultMaxReplays = 5
)

// Unlimited is a rate as high as the broker goes, and no bound of replays.
const Unlimited = -1

// Options say how [Requeue] works. The zero value works.
type Options struct {
	Decision // who requeues, and why; kept in the requeued copy

	// Rate is how many letters are requeued in a second, at most. Zero means [DefaultRate], below zero: as many as the broker takes.
	Rate float64

	// MaxReplays bounds how often an event is handled anew: a letter that was requeued so often is refused, lest an event that can't be
	// handled goes round for ever. Zero means [DefaultMaxReplays], below zero: there is no bound.
	MaxReplays int
}

// Validate returns an error that names every faulty field at once.
func (o Options) Validate() error {
	err := o.validate(false)
	if math.IsNaN(o.Rate) || math.IsInf(o.Rate, 0) || o.Rate > 0 && o.Rate < 1e-6 {
		err = errors.Join(err, fmt.Errorf("deadletters.Options: Rate is %v, must be a number of letters a second", o.Rate))
	}
	return err
}

func (o Options) withDefaults() Options {
	if o.Rate == 0 {
		o.Rate = DefaultRate
	}
	if o.MaxReplays == 0 {
		o.MaxReplays = DefaultMaxReplays
	}
	return o
}

func (o Options) pace() *pace {
	if o.Rate < 0 {
		return &pace{}
	}
	return &pace{every: time.Duration(float64(time.Second) / o.Rate)}
}

// Requeue brings events back to the consumers that could not handle them, and to no others, the oldest first. The dead letter carries the
// event, which may be gone from its own stream. What it says stays with the requeued copy, which is kept as long as dead letters are. If the
// event fails again it becomes another dead letter, with one replay more.
//
// It works while it is ranged over, a letter at a time, and yields what became of each. A letter that the broker refuses does not keep it
// from the others; where the broker can't be reached it ends with an error, as its last pair, and so it does with ctx. What was yielded
// before has happened, and doing it again doubles nothing.
func Requeue(ctx context.Context, js jetstream.JetStream, which Selection, options Options) iter.Seq2[Outcome, error] {
	return func(yield func(Outcome, error) bool) {
		b, err := begin(ctx, js, which, options.Validate())
		if err != nil {
			yield(Outcome{}, fmt.Errorf("requeue dead letters: %w", err))
			return
		}
		options = options.withDefaults()
		r := &requeuing{broker: b, options: options, pace: options.pace(), listeners: listeners{broker: b}, earlier: earlier{broker: b}}
		deciding{verb: "requeue", which: which, do: r.do}.run(ctx, b)(yield)
	}
}

// begin opens the stream, unless something is wrong with what was asked for.
func begin(ctx context.Context, js jetstream.JetStream, which Selection, wrong error) (broker, error) {
	if which.stream == "" { // nothing is selected
		which = At("")
	}
	if err := errors.Join(which.validate(), wrong); err != nil {
		return broker{}, err
	}
	return openBroker(ctx, js, which.stream)
}
