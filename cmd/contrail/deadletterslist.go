package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail/subscribers/deadletters"
)

// deadLettersListVerb lists letters.
type deadLettersListVerb struct {
	deadLettersStream
	deadLettersFilter

	State   []string `env:"-" enum:"dead,requeued,discarded" default:"dead" placeholder:"STATE" help:"Letters in this state, one of ${enum}; may be given several times."`
	After   uint64   `env:"-" placeholder:"ID" help:"Letters above this one."`
	Limit   int64    `default:"100" help:"At most so many, the oldest; 0: all."`
	Summary bool     `env:"-" help:"Print how many there are of each consumer for each reason, of all of them."`
	JSON    bool     `name:"json" help:"Print JSON lines."`
}

// Help teaches.
func (*deadLettersListVerb) Help() string {
	return `Lists the events that subscriptions could not handle and that wait for a person, the oldest first. --state shows what has become of
others: requeued (with how far the consumer is: waiting, in hand, settled, or orphaned, as no subscription of that name listens), and
discarded. A letter must pass every filter that is given. A time is 2026-11-21T20:15:04Z, a day in UTC such as 2026-11-21, or how
long ago: 90s, 2h, 7d.

Reasons: permanent (the handler said that no retry will cure it), exhausted (the last delivery failed, too), undecodable (the data does not
fit the handler, or can't be decrypted), foreign (the message is no event), abandoned (its process was stopped during the last
delivery), crashed (the processes that had it died, or hung), terminated (another client had it ended), replay (a person has it handled
again), malformed (it is no dead letter, but something that another program has sent there). It exits 0 whether there are any or none.

Examples:

  contrail dead-letters list
  contrail dead-letters list --summary
  contrail dead-letters list --consumer invoice-notifications --reason exhausted --since 2h
  contrail dead-letters list --state requeued
  contrail dead-letters list --error 'deadline exceeded' --limit 0 --json | jq -r .id`
}

// Run lists.
func (v *deadLettersListVerb) Run(ctx context.Context, a *app) error {
	filter, err := v.filter(v.deadLettersStream, v.State, time.Now())
	switch {
	case err != nil:
		return err
	case v.Limit < 0:
		return usagef("--limit is %d; give 0 or more", v.Limit)
	}
	filter.After = v.After
	return v.withBroker(ctx, a, func(js jetstream.JetStream) error {
		if v.Summary {
			return v.summarise(ctx, a, js, filter)
		}
		filter.Limit = oneMore(v.Limit, v.JSON)
		return listing[deadletters.Letter]{
			title: []string{"letter", "state", "consumer", "reason", "stream@version", "type", "deliveries", "replays", "since", "error"},
			row:   letterRow, right: []int{0, 6, 7}, none: "no dead letters",
			more: func(last deadletters.Letter) string {
				return fmt.Sprintf("--after %d shows them, --limit 0 all, --summary how many", last.ID)
			},
			limit: v.Limit, asJSON: v.JSON,
		}.print(a, deadletters.List(ctx, js, filter))
	})
}

func letterRow(letter deadletters.Letter) []string {
	place, name := "-", "-"
	if event := letter.Event; event != nil {
		place, name = fmt.Sprintf("%s@%d", event.Stream, event.Version), event.Type
	}
	return []string{
		strconv.FormatUint(letter.ID, 10), letterState(letter), orDash(printable(letter.Consumer)), printable(string(letter.Reason)), place, name,
		strconv.Itoa(letter.Deliveries), strconv.Itoa(letter.Replays), letter.Since().Format(time.RFC3339),
		orDash(printable(letter.Error)),
	}
}

// letterState is where a letter stands and, if it is requeued, how far its consumer is.
func letterState(letter deadletters.Letter) string {
	if letter.Progress == "" {
		return string(letter.State)
	}
	return string(letter.State) + ", " + strings.ReplaceAll(string(letter.Progress), "_", " ")
}

// lettersOf is a line of the summary.
type lettersOf struct {
	deadletters.Group

	Letters int64 `json:"letters"`
}

func (v *deadLettersListVerb) summarise(ctx context.Context, a *app, js jetstream.JetStream, filter deadletters.Filter) error {
	counts, err := deadletters.Count(ctx, js, filter)
	if err != nil {
		return err
	}
	groups := slices.SortedFunc(maps.Keys(counts), func(x, y deadletters.Group) int {
		return cmp.Or(cmp.Compare(x.Consumer, y.Consumer), cmp.Compare(x.State, y.State), cmp.Compare(x.Reason, y.Reason))
	})
	rows := [][]string{{"consumer", "state", "reason", "letters"}}
	for _, group := range groups {
		if v.JSON {
			if err := a.printJSON(lettersOf{group, counts[group]}); err != nil {
				return err
			}
		}
		rows = append(rows, []string{
			orDash(printable(group.Consumer)), string(group.State), printable(string(group.Reason)), thousands(counts[group]),
		})
	}
	switch {
	case v.JSON:
	case len(groups) == 0:
		a.printf("no dead letters\n")
	default:
		a.printTable(rows, 3)
	}
	return nil
}
