package main

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail/subscribers/subscriptions"
)

// subscriptionsShowVerb shows one subscription.
type subscriptionsShowVerb struct {
	oneSubscription

	JSON bool `name:"json" help:"Print one JSON line."`
}

// Help teaches.
func (*subscriptionsShowVerb) Help() string {
	return `Shows one subscription: what it consumes, how far it is, what is in hand, and how it is configured. Of one whose events
are divided into partitions it shows these too, and the processes that share them. It exits 1 when there is no such subscription.

Examples:

  contrail subscriptions show invoice-notifications
  contrail subscriptions show invoice-notifications --json | jq .lag`
}

// Run shows.
func (v *subscriptionsShowVerb) Run(ctx context.Context, a *app) error {
	return a.withJetStream(ctx, v, func(js jetstream.JetStream) error {
		var shown subscriptions.Subscription
		err := a.inTime(ctx, func(ctx context.Context) (err error) {
			shown, err = subscriptions.Get(ctx, js, v.name())
			return err
		})
		switch {
		case err != nil:
			return v.advised(err)
		case v.JSON:
			return a.printJSON(shown)
		}
		a.printPairs(subscriptionRows(shown))
		a.printDivision(shown.Division)
		if shown.DeadLetters > 0 {
			a.note("\nLook at its dead letters: contrail dead-letters list --consumer %s\n", printable(shown.Durable))
		}
		return nil
	})
}

func subscriptionRows(s subscriptions.Subscription) [][]string {
	rows := [][]string{
		{"subscription", printable(s.Durable)},
		{"stream", printable(s.Stream)},
		{"state", stateOf(s)},
		{"created", s.Created.UTC().Format(time.RFC3339)},
		{"events", printable(filtersOf(s))},
		{"lag", fmt.Sprintf("%s: %s to come, %s in hand", plural(s.Lag, "event"), thousands(s.Pending), thousands(s.InHand))},
		{"redelivered", thousands(s.Redelivered) + " of those in hand"},
		{"settled to", placeAt(s.AckFloor)},
		{"delivered to", placeAt(s.Delivered)},
		{"pulls", thousands(s.Waiting) + " waiting"},
		{"dead letters", thousands(s.DeadLetters)},
		{"requeued", thousands(s.Requeued)},
		{"max deliver", orEndless(s.MaxDeliver)},
		{"ack wait", seconds(s.AckWait)},
	}
	if s.Division == nil {
		return append(rows, []string{"max ack pending", orEndless(s.MaxAckPending)})
	}
	return append(rows, []string{"max ack pending", orEndless(s.MaxAckPending) + " of each partition"},
		[]string{"not copied yet", thousands(s.Division.Uncopied) + " of those to come"})
}

// placeAt is where, and when that was.
func placeAt(place subscriptions.Place) string {
	text := placeOf(place)
	if place.Position > 0 {
		text += fmt.Sprintf(" (message %d)", place.Sequence)
	}
	if place.At != nil {
		text += ", at " + place.At.UTC().Format(time.RFC3339)
	}
	return text
}

func orEndless(n int) string {
	if n < 0 {
		return "without end"
	}
	return thousands(n)
}
