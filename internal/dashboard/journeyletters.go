package dashboard

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/seek"
	"github.com/contrail-events/contrail/subscribers"
	"github.com/contrail-events/contrail/subscribers/attempts"
	"github.com/contrail-events/contrail/subscribers/deadletters"
)

// journeyLetter is the dead letter of an event, or what became of it.
type journeyLetter struct {
	ID         uint64               `json:"id"`
	State      deadletters.State    `json:"state"`
	Reason     subscribers.Reason   `json:"reason"`
	Error      string               `json:"error,omitempty"`
	Deliveries int                  `json:"deliveries"`
	At         time.Time            `json:"at"` // since when it is in its state
	By         string               `json:"by,omitempty"`
	Progress   deadletters.Progress `json:"progress,omitempty"`
}

// Where letters are looked for: from a little before the event was given up, or else published, and among the newest; so many sequences each.
const (
	lettersSpan  = 1000
	lettersSlack = 10 * time.Second // between the clocks of database and broker, and for what a handler took
)

// readEventLetters finds the dead letters of an event and gives them to its consumers. The stream is no index of events: what it reads is bounded, and a letter that
// lies elsewhere is found on the page of dead letters.
func (d *Dashboard) readEventLetters(ctx context.Context, event contrail.Recorded, published publication, consumers []consumerPassage) error {
	stream, err := seek.Open(ctx, d.js, d.config.DeadLetters, "")
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	from, err := stream.Time(ctx, lettersSince(published, consumers))
	if err != nil {
		return err
	}
	newest := stream.Last - min(stream.Last, lettersSpan)
	if err := d.lettersWithin(ctx, event, consumers, from-min(from, 1), from+lettersSpan); err != nil || newest < from+lettersSpan {
		return err
	}
	return d.lettersWithin(ctx, event, consumers, newest, stream.Last)
}

// lettersSince is the first time at which the event may have become a dead letter.
func lettersSince(published publication, consumers []consumerPassage) time.Time {
	var since time.Time
	first := func(at time.Time) {
		if !at.IsZero() && (since.IsZero() || at.Before(since)) {
			since = at
		}
	}
	for _, one := range consumers {
		if !one.mayHaveLetter() {
			continue
		}
		if one.HandledAt != nil {
			first(*one.HandledAt)
		}
		for _, attempt := range one.Attempts {
			if attempt.Verdict == attempts.DeadLetter {
				first(attempt.Began)
			}
		}
	}
	if since.IsZero() && published.At != nil {
		since = *published.At
	}
	return since.Add(-lettersSlack)
}

// lettersWithin reads letters above one sequence and up to another; the broker selects by the event's category and type.
func (d *Dashboard) lettersWithin(ctx context.Context, event contrail.Recorded, consumers []consumerPassage, after, upTo uint64) error {
	if upTo <= after {
		return nil
	}
	filter := deadletters.Filter{
		Stream: d.config.DeadLetters, States: deadletters.States(), Category: event.Stream.Category(), Type: event.Type, After: after, UpTo: upTo,
	}
	for letter, err := range deadletters.List(ctx, d.js, filter) {
		if err != nil {
			return err
		}
		if !strings.HasPrefix(letter.MsgID, event.ID.String()) && (letter.Event == nil || letter.Event.ID != event.ID) {
			continue
		}
		for i := range consumers {
			if consumers[i].Durable == letter.Consumer {
				consumers[i].take(letter)
			}
		}
	}
	return nil
}

// take notes a letter of the consumer; the last one counts.
func (c *consumerPassage) take(letter deadletters.Letter) {
	c.Letter = &journeyLetter{
		ID: letter.ID, State: letter.State, Reason: letter.Reason, Error: letter.Error, Deliveries: letter.Deliveries, At: letter.Since(),
		By: letter.Decision.By, Progress: letter.Progress,
	}
	switch {
	case letter.State == deadletters.Dead:
		c.say(passageDead, "has given it up after %s: it is dead letter %d", deliveriesOf(letter.Deliveries), letter.ID)
	case letter.State == deadletters.Discarded && c.State == passageDead:
		c.say(passageDead, "has given it up, and %s has discarded the dead letter", letter.Decision.By)
	case letter.State == deadletters.Requeued && c.State == passageDead && letter.Progress != deadletters.Settled:
		c.say(passageRequeued, "had given it up, and gets it again: %s has requeued the dead letter", letter.Decision.By)
	}
}

func deliveriesOf(n int) string { return eachOf(n, "delivery", "deliveries") }
