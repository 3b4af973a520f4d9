package subscriptions

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail"
)

// DefaultRate is that of a [Replay], in events a second.
const DefaultRate = 100

// Replay is a run that sends events of a range to a subscription once more. The zero value means all that its stream has.
type Replay struct {
	From, To contrail.Position // the first and the last; zero: the stream's

	Stream   contrail.StreamID // of this event stream only; zero: of all
	Category string            // of this category of event streams only; empty: of all
	Types    []string          // of these types only; none: of all

	// ID is the run's: what two tries with the same one both come to is sent once. Empty: a new one, which the result tells.
	ID string

	// Rate is the greatest number of events a second. Zero means DefaultRate; below zero there is no bound.
	Rate float64

	By, Because string // who has it done, and why: both go with each event, as HeaderReplayedBy and HeaderReplayedBecause

	// Archive has the events that have aged out of the stream. Nil: the stream must have all of the range.
	Archive *Archive

	// Progress, if it is set, hears of each event that is done with, and of its place in the range.
	Progress func(ReplayDone)
}

// Headers of an event that is replayed, beside those of a dead letter.
const (
	HeaderReplay          = "Contrail-Replay" // the run's id, a space, and the event's position
	HeaderReplayedBy      = "Contrail-Replayed-By"
	HeaderReplayedBecause = "Contrail-Replayed-Because"
)

// ReplayDone is what a replay has done.
type ReplayDone struct {
	ID       string            `json:"id"`       // to try again with
	Events   int64             `json:"events"`   // that were sent
	Before   int64             `json:"before"`   // that earlier tries with the same id had sent
	Position contrail.Position `json:"position"` // of the last one that was sent or passed over
	From     contrail.Position `json:"from"`     // the range, as far as the stream and the archive reach
	To       contrail.Position `json:"to"`
}

// Run sends the events of the range to the subscription, and to no other, one by one: those that stand in their order first, in that order, and
// then those that the relay published late. They go through the stream of dead letters, to the subject that the subscription listens to for what
// is requeued, beside the events that are to come. It ends when the broker has all of them; how many are not handled yet is
// Subscription.Requeued. What a handler fails becomes a dead letter as usual.
//
// Events that the subscription's own filters would not select are left out. db is the inbox's database, nil for a subscription without one.
// The inbox forgets each event before it is sent, so that it takes effect again. In this order a crash between the two leaves an event
// that is forgotten and was not sent: a second try with the same ID sends it, and passes over what was sent before. (In the other order the event would
// be met while the inbox still knows it, and passed over, for good.) Only an event that the subscription has in hand, unsettled, in
// that very moment may take effect in between, and then that counts.
//
// The result tells what was done, with an error too. The error wraps [ErrNotFound], or [ErrAgedOut] before anything was sent.
func (r Replay) Run(ctx context.Context, js jetstream.JetStream, db Beginner, name Name) (ReplayDone, error) {
	name = name.orDefaults()
	rate := cmp.Or(r.Rate, DefaultRate)
	run := &replaying{
		Replay: r, js: js, db: db, name: name, pace: newPace(rate), most: batchOf(rate),
		lateSent: map[contrail.Position]bool{}, met: map[contrail.Position]bool{},
	}
	run.done.ID = cmp.Or(r.ID, uuid.NewString())
	err := r.validate()
	if err == nil {
		err = run.prepare(ctx)
	}
	if err == nil {
		err = run.all(ctx)
	}
	if err != nil {
		return run.done, fmt.Errorf("replay to subscription %s: %w", name, err)
	}
	return run.done, nil
}

// validate names every faulty field at once.
func (r Replay) validate() error {
	var faults []error
	fault := func(bad bool, format string, args ...any) {
		if bad {
			faults = append(faults, fmt.Errorf("subscriptions.Replay: "+format, args...))
		}
	}
	fault(r.From < 0, "From is %d, must not be negative", r.From)
	fault(r.To < 0, "To is %d, must not be negative", r.To)
	fault(r.To > 0 && r.To < r.From, "To is %d, must not be below From, which is %d", r.To, r.From)
	if !r.Stream.IsZero() {
		faults = append(faults, r.Stream.Validate())
	}
	fault(r.Category != "" && contrail.NewStreamID(r.Category, "1").Validate() != nil, "Category is %q, must be letters, digits and '_'", r.Category)
	for _, name := range r.Types {
		fault((contrail.Event{Type: name}).Validate() != nil, "Types has %q, which is no type's name", name)
	}
	fault(!isToken(r.ID), "ID is %q, must be printable and without spaces", r.ID)
	fault(!isLine(r.By), "By is %q, must be one line", r.By)
	fault(!isLine(r.Because), "Because is %q, must be one line", r.Because)
	if r.Archive != nil {
		faults = append(faults, r.Archive.validate())
	}
	return errors.Join(faults...)
}

// ErrAgedOut says that the stream does not have the beginning of the range any more, and there is no archive.
var ErrAgedOut = errors.New("events have aged out of the stream")
