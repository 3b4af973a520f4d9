package main

import (
	"context"
	"fmt"
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
	filter.After, filter.Limit = contrail.Position(v.After), oneMore(v.Limit, v.JSON)
	pool, err := a.openStore(ctx, 1)
	if err != nil {
		return err
	}
	defer pool.Close()
	return listing[parked.Event]{
		title: []string{"position", "state", "reason", "stream@version", "type", "attempts", "changed", "error"},
		row:   parkedRow, right: []int{0, 5}, none: "no events",
		more: func(last parked.Event) string {
			return fmt.Sprintf("--after %d shows them, --limit 0 all", last.Position)
		},
		limit: v.Limit, asJSON: v.JSON,
	}.print(a, parked.List(ctx, pool, filter))
}

func parkedRow(event parked.Event) []string {
	return []string{
		strconv.FormatInt(int64(event.Position), 10), string(event.State), string(event.Reason),
		event.Stream.String() + "@" + strconv.FormatInt(event.Version, 10), event.Type, strconv.Itoa(event.Attempts),
		event.ChangedAt.Format(time.RFC3339), orDash(printable(event.Error)),
	}
}
