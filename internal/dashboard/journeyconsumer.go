package dashboard

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/contrail-events/contrail/subscribers/attempts"
	"github.com/contrail-events/contrail/subscribers/subscriptions"
)

// passageState is how far a consumer is with an event.
type passageState string

const (
	passageUnpublished passageState = "unpublished" // it is not in the stream
	passageWaiting     passageState = "waiting"     // it has not been delivered yet
	passageInHand      passageState = "in_hand"     // it was delivered, and not answered so far, or waits for its next delivery
	passageHandled     passageState = "handled"     // it has taken effect
	passageSettled     passageState = "settled"     // it was answered: handled or skipped, which of the two is not kept
	passageDead        passageState = "dead_letter" // it was given up
	passageRequeued    passageState = "requeued"    // a person has had it handled again, and that is not over
	passageUnknown     passageState = "unknown"
)

// consumerPassage is an event's way through a consumer.
type consumerPassage struct {
	Durable   string           `json:"durable"`
	State     passageState     `json:"state"`
	Text      string           `json:"text"` // completes the sentence "consumer x …"
	HandledAt *time.Time       `json:"handled_at,omitempty"`
	Attempts  []journeyAttempt `json:"attempts,omitempty"` // that did not succeed at first, in their order
	Letter    *journeyLetter   `json:"letter,omitempty"`
	Paused    bool             `json:"paused,omitempty"`

	subscription subscriptions.Subscription
	entry        *inboxEntry
}

// consumers are those whose filters take the event, and those that have known it although they are not there any more.
func (p *passages) consumers(subject string, published publication) []consumerPassage {
	var all []consumerPassage
	known := map[string]bool{}
	for _, one := range p.subscriptions {
		if !taken(one.Filters, subject) {
			continue
		}
		passage := consumerPassage{Durable: one.Durable, Paused: one.PausedUntil != nil, Attempts: p.attemptsOf(one.Durable), subscription: one}
		if entry, found := p.inbox[one.Durable]; found {
			passage.entry = &entry
		}
		passage.decide(published)
		all, known[one.Durable] = append(all, passage), true
	}
	for durable, entry := range p.inbox {
		if known[durable] {
			continue
		}
		passage := consumerPassage{Durable: durable, Attempts: p.attemptsOf(durable), entry: &entry}
		passage.decide(published)
		passage.Text += "; the consumer is gone"
		all = append(all, passage)
	}
	slices.SortFunc(all, func(a, b consumerPassage) int { return cmp.Compare(a.Durable, b.Durable) })
	return all
}

// decide tells how far the consumer is: by the inbox, which knows what took effect; by what was told of attempts; and by the broker's two marks.
func (c *consumerPassage) decide(published publication) {
	last := journeyAttempt{}
	if n := len(c.Attempts); n > 0 {
		last = c.Attempts[n-1]
	}
	switch {
	case c.entry != nil && c.entry.dead:
		c.HandledAt = c.entry.handledAt
		c.say(passageDead, "has given it up: it is a dead letter")
	case c.entry != nil:
		c.HandledAt = c.entry.handledAt
		c.say(passageHandled, "has handled it%s", c.after(last))
		if c.HandledAt == nil {
			c.Text += ", longer ago than the inbox keeps times"
		}
	case last.Verdict == attempts.DeadLetter:
		c.say(passageDead, "has given it up at delivery %d: it is a dead letter", last.Delivery)
	case last.Verdict != "" && last.Verdict != attempts.Retried:
		c.say(passageHandled, "has %s it at delivery %d", last.Verdict, last.Delivery)
	case published.Sequence == 0:
		c.unpublished(published)
	default:
		c.byMarks(published, last)
	}
}

// after is what it took.
func (c *consumerPassage) after(last journeyAttempt) string {
	if last.Delivery < 2 { //nolint:mnd // at once
		return ""
	}
	return fmt.Sprintf(", at delivery %d", last.Delivery)
}

func (c *consumerPassage) say(state passageState, format string, args ...any) {
	c.State, c.Text = state, fmt.Sprintf(format, args...)
}

// unpublished is for an event without a place in the stream.
func (c *consumerPassage) unpublished(published publication) {
	switch published.State {
	case publicationGone:
		c.say(passageUnknown, "left no trace of it, and the stream does not have it any more")
	case publicationUnknown:
		c.say(passageUnknown, "may have it or not: its place in the stream is not known")
	case publicationWaiting, publicationPublished, publicationParked, publicationHeld, publicationRequeued, publicationDiscarded, publicationMissing:
		c.say(passageUnpublished, "gets it when it is published")
	}
}

// byMarks goes by the sequences up to which the broker has delivered, and up to which everything is settled.
func (c *consumerPassage) byMarks(published publication, last journeyAttempt) {
	one, sequence := c.subscription, published.Sequence
	switch {
	case sequence <= one.AckFloor.Sequence && published.At != nil && one.Created.After(*published.At):
		c.say(passageSettled, "is past it; the consumer was made later than the event was published, and may have begun behind it")
	case sequence <= one.AckFloor.Sequence:
		c.say(passageSettled, "has settled it: handled or skipped")
	case sequence > one.Delivered.Sequence:
		c.say(passageWaiting, "has not got it yet: %d to come, and %d in hand", one.Pending, one.InHand)
	case last.Verdict == attempts.Retried:
		c.say(passageInHand, "has failed at delivery %d, and gets it again", last.Delivery)
	case one.InHand == 0:
		c.say(passageSettled, "has settled it: handled or skipped")
	case one.Division != nil:
		c.say(passageInHand, "is about to get it, has it in hand, or has settled it: its partition is not the one that is furthest behind")
	default:
		c.say(passageInHand, "has it in hand, or has settled it while an earlier event is not")
	}
	if c.Paused && c.State != passageSettled {
		c.Text += "; it is paused"
	}
}

// mayHaveLetter tells whether there may be a dead letter of it: it was given up; or there is no inbox that would know, and the consumer has dead letters.
func (c *consumerPassage) mayHaveLetter() bool {
	return c.State == passageDead || c.entry == nil && c.State == passageSettled && c.subscription.DeadLetters > 0
}
