package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail/subscribers/subscriptions"
)

// subscriptionsListVerb lists subscriptions.
type subscriptionsListVerb struct {
	subscriptionFlags

	JSON bool `name:"json" help:"Print JSON."`
}

// Help teaches.
func (*subscriptionsListVerb) Help() string {
	return `Lists the durable consumers of a stream that pull: the subscriptions, and those that others have made, which say so. For each: how many
events it is behind (lag), of which so many are in hand, being handled or waiting for a retry; the position up to which everything is settled;
how many pulls wait, where none means that no process is there, or that it is busy; its dead letters, and the events that are requeued or
replayed to it and not settled. One whose events are divided into partitions appears once, with what these have together, and as many pulls wait as
partitions are held, or more.

It asks the broker alone and exits 0 whether there are any or none.

Examples:

  contrail subscriptions list
  contrail subscriptions list --json | jq '.subscriptions[] | select(.lag > 1000) | .durable'`
}

// subscriptionsList is what --json prints.
type subscriptionsList struct {
	Subscriptions []subscriptions.Subscription `json:"subscriptions"`
}

// Run lists.
func (v *subscriptionsListVerb) Run(ctx context.Context, a *app) error {
	return a.withJetStream(ctx, v, func(js jetstream.JetStream) error {
		var list subscriptionsList
		err := a.inTime(ctx, func(ctx context.Context) (err error) {
			list.Subscriptions, err = subscriptions.List(ctx, js, v.Stream, v.DeadLetters)
			return err
		})
		switch {
		case err != nil:
			return err
		case v.JSON:
			return a.printJSON(list)
		case len(list.Subscriptions) == 0:
			a.printf("stream %s has no subscriptions\n", printable(v.Stream))
			return nil
		}
		rows := [][]string{{"subscription", "state", "lag", "in hand", "settled to", "pulls", "dead letters", "requeued", "events"}}
		for _, s := range list.Subscriptions {
			rows = append(rows, []string{
				printable(s.Durable), stateOf(s), thousands(s.Lag), thousands(s.InHand), placeOf(s.AckFloor), strconv.Itoa(s.Waiting),
				thousands(s.DeadLetters), thousands(s.Requeued), printable(filtersOf(s)),
			})
		}
		a.printTable(rows, 2, 3, 5, 6, 7)
		return nil
	})
}

// stateOf is what a subscription does, by what the broker can tell.
func stateOf(s subscriptions.Subscription) string {
	state := "idle"
	switch {
	case s.PausedUntil != nil && !s.PausedUntil.Before(subscriptions.Forever()):
		state = "paused"
	case s.PausedUntil != nil:
		state = "paused until " + s.PausedUntil.Format(time.RFC3339)
	case s.Division != nil && slices.ContainsFunc(s.Division.Partitions, isPaused):
		state = "paused in part"
	case s.Waiting == 0 && s.InHand == 0:
		state = "nobody is there"
	case s.Lag > 0:
		state = "busy"
	}
	if s.Division != nil {
		state += ", " + plural(len(s.Division.Partitions), "partition")
	}
	if !s.Ours {
		state += ", not Contrail's"
	}
	return state
}

func isPaused(partition subscriptions.Partition) bool { return partition.PausedUntil != nil }

func placeOf(place subscriptions.Place) string {
	switch {
	case place.Sequence == 0:
		return "nothing"
	case place.Position == 0:
		return fmt.Sprintf("message %d", place.Sequence)
	}
	return fmt.Sprintf("position %d", place.Position)
}

func filtersOf(s subscriptions.Subscription) string {
	if len(s.Filters) == 0 {
		return "all"
	}
	return strings.Join(s.Filters, " ")
}
