package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/contrail-events/contrail/subscribers/deliveries"
)

// deliveriesListVerb lists deliveries.
type deliveriesListVerb struct {
	deliveriesFilter

	After   string `env:"-" placeholder:"ID" help:"Deliveries behind this one in the list."`
	Limit   int64  `default:"100" help:"At most so many, the newest; 0: all."`
	Summary bool   `env:"-" help:"Print how many stand alike, of all of them."`
	JSON    bool   `name:"json" help:"Print JSON lines."`
}

// Help teaches.
func (*deliveriesListVerb) Help() string {
	return `Lists deliveries, the newest first: each is one event for one recipient by one channel. A delivery must pass every filter that is given. A
time is 2026-11-21T20:15:04Z, a day in UTC such as 2026-11-21, or how long ago: 90s, 2h, 7d.

States: pending (planned, and not begun), dispatched (an attempt is under way), failed (another attempt is due, or a person decides),
succeeded, suppressed (a rule or the adapter says that it shall not be sent), cancelled (given up). Behind a state stands what the delivery
waits for: due (nobody has taken it so far), claimed (a process is about to begin it), waiting (it is due later), held (a person decides),
running, stuck (its process has died). It exits 0 whether there are any or none.

Examples:

  contrail deliveries list --held --stuck
  contrail deliveries list --summary
  contrail deliveries list --consumer invoice-mail --state cancelled --reason retries_exhausted --since 2h
  contrail deliveries list --recipient contact-42 --limit 0 --json | jq -r .id`
}

// Run lists.
func (v *deliveriesListVerb) Run(ctx context.Context, a *app) error {
	filter, err := v.filter(time.Now())
	switch {
	case err != nil:
		return err
	case v.Limit < 0:
		return usagef("--limit is %d; give 0 or more", v.Limit)
	}
	if v.After != "" {
		if filter.After, err = uuid.Parse(v.After); err != nil {
			return usagef("--after is %q; give a delivery's id", v.After)
		}
	}
	pool, err := a.openStore(ctx, 1)
	if err != nil {
		return err
	}
	defer pool.Close()
	if v.Summary {
		return v.summarise(ctx, a, pool, filter)
	}
	filter.Limit = oneMore(v.Limit, v.JSON)
	return listing[deliveries.Record]{
		title: []string{"delivery", "state", "reason", "consumer", "channel", "recipient", "stream", "type", "attempts", "changed", "error"},
		row:   deliveryRow, right: []int{8}, none: "no deliveries",
		more: func(last deliveries.Record) string {
			return fmt.Sprintf("--after %s shows them, --limit 0 all, --summary how many", last.ID)
		},
		limit: v.Limit, asJSON: v.JSON,
	}.print(a, deliveries.List(ctx, pool, filter))
}

func deliveryRow(one deliveries.Record) []string {
	failure := ""
	if one.Last != nil {
		failure = one.Last.Error
	}
	return []string{
		one.ID.String(), deliveryState(one.State, one.Standing), orDash(printable(string(one.Reason))), printable(one.Consumer), printable(one.Channel),
		printable(one.Recipient), one.Event.Stream.String(), printable(one.Event.Type), strconv.Itoa(one.Attempts), one.ChangedAt.Format(time.RFC3339),
		orDash(printable(failure)),
	}
}

// deliveryState is where a delivery stands and, if it has not ended, what it waits for.
func deliveryState(state deliveries.State, standing deliveries.Standing) string {
	if standing == deliveries.StandingEnded {
		return string(state)
	}
	return string(state) + ", " + string(standing)
}

func (v *deliveriesListVerb) summarise(ctx context.Context, a *app, pool *pgxpool.Pool, filter deliveries.Filter) error {
	stats, err := deliveries.Stats(ctx, pool, filter)
	if err != nil {
		return err
	}
	rows := [][]string{{"consumer", "channel", "state", "reason", "deliveries", "since"}}
	for _, stat := range stats {
		if v.JSON {
			if err := a.printJSON(stat); err != nil {
				return err
			}
		}
		rows = append(rows, []string{
			printable(stat.Consumer), printable(stat.Channel), deliveryState(stat.State, stat.Standing), orDash(printable(string(stat.Reason))),
			thousands(stat.Deliveries), stat.Since.Format(time.RFC3339),
		})
	}
	switch {
	case v.JSON:
	case len(stats) == 0:
		a.printf("no deliveries\n")
	default:
		a.printTable(rows, 4)
	}
	return nil
}
