package main

import (
	"context"
	"iter"
	"strconv"
	"time"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/publisher/parked"
)

// parkedListVerb lists events.
type parkedListVerb struct {
	parkedStream
	parkedFilter

	After int64 `placeholder:"POSITION" help:"Events above this position."`
	Limit int64 `default:"100" help:"At most so many: the lowest positions; 0: all."`
	JSON  bool  `name:"json" help:"Print JSON lines."`
}

// Help teaches.
func (*parkedListVerb) Help() string {
	return `Lists the events that the relay of a stream has left out of their place and that wait for something: for a person (parked), for
a parked event before them in their own stream (held), or for the relay (requeued). --state shows the others, too: those that were
published in the end, and those that somebody has discarded. An event must pass every filter that is given.

Reasons: message_too_large (larger than the server or the stream takes), invalid_subject (its names or its metadata make no legal
subject), refused (by the broker, for a reason of its own), held, missing (it was gone from the stream), lost (on its way to a stream that
others write to as well). It exits 0 whether there are any or none.

Examples:

  contrail parked list
  contrail parked list --stream-id invoice-42 --state published --state discarded
  contrail parked list --reason message_too_large --limit 0 --json | jq -r .position`
}

const errorWidth = 60 // characters of an error that a table shows

// Run lists.
func (v *parkedListVerb) Run(ctx context.Context, a *app) error {
	filter, err := v.filter(v.Stream)
	switch {
	case err != nil:
		return err
	case v.After < 0:
		return usagef("--after is %d; give 0 or more", v.After)
	case v.Limit < 0:
		return usagef("--limit is %d; give 0 or more", v.Limit)
	}
	filter.After, filter.Limit = contrail.Position(v.After), v.Limit
	if v.Limit > 0 && !v.JSON {
		filter.Limit++ // to know whether there are more
	}
	pool, err := a.openStore(ctx, 1)
	if err != nil {
		return err
	}
	defer pool.Close()
	return v.print(a, parked.List(ctx, pool, filter))
}

// print prints what is listed, of which there is one more than is meant to be shown if there are more.
func (v *parkedListVerb) print(a *app, events iter.Seq2[parked.Event, error]) error {
	rows := [][]string{{"position", "state", "reason", "stream@version", "type", "attempts", "changed", "error"}}
	n, last := int64(0), contrail.Position(0)
	for event, err := range events {
		switch {
		case err != nil:
			return err
		case v.JSON:
			if err := a.printJSON(event); err != nil {
				return err
			}
			continue
		case v.Limit > 0 && n == v.Limit:
			a.printTable(rows, 0, 5)
			a.printf("there are more; --after %d shows them, --limit 0 all\n", last)
			return nil
		}
		n, last = n+1, event.Position
		if rows = append(rows, parkedRow(event)); len(rows) == tableStep {
			a.printTable(rows, 0, 5)
			rows = rows[:0]
		}
	}
	switch {
	case v.JSON:
	case n == 0:
		a.printf("no events\n")
	default:
		a.printTable(rows, 0, 5)
	}
	return nil
}

func parkedRow(event parked.Event) []string {
	return []string{
		strconv.FormatInt(int64(event.Position), 10), string(event.State), string(event.Reason),
		event.Stream.String() + "@" + strconv.FormatInt(event.Version, 10), event.Type, strconv.Itoa(event.Attempts),
		event.ChangedAt.Format(time.RFC3339), orDash(cut(printable(event.Error), errorWidth)),
	}
}
