package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/contrail-events/contrail/subscribers/deliveries"
	"github.com/contrail-events/contrail/subscribers/webhook"
)

// webhooksDeliveriesVerb lists what was posted to an endpoint.
type webhooksDeliveriesVerb struct {
	oneWebhook

	State []string  `env:"-" enum:"pending,dispatched,failed,succeeded,suppressed,cancelled" placeholder:"STATE" help:"Deliveries in this state, one of ${enum}; may be given several times. Default: all."`
	Type  string    `env:"-" placeholder:"TYPE" help:"Of events of this type."`
	Since string    `env:"-" placeholder:"TIME" help:"Planned at this time or later."`
	Until string    `env:"-" placeholder:"TIME" help:"Planned before this time."`
	After uuid.UUID `env:"-" placeholder:"DELIVERY" help:"Behind this one."`
	Limit int64     `default:"100" help:"At most so many, the newest; 0: all."`
	JSON  bool      `name:"json" help:"Print JSON lines."`
}

// Help teaches.
func (*webhooksDeliveriesVerb) Help() string {
	return `Lists the deliveries to one endpoint, the newest first: what was posted, what is to be, and what was given up. The first column is the webhook-id that
the receiver sees. Each one's attempts, answers and all, are shown by "contrail deliveries show", and what was given up is sent again by
"contrail deliveries redrive". A time is 2026-11-21T20:15:04Z, a day in UTC such as 2026-11-21, or how long ago: 90s, 2h, 7d.

Of an endpoint that was removed they are listed for as long as the ledger has them. It exits 1 when there never was such an endpoint.

Examples:

  contrail webhooks deliveries 0192d9a1-7c3e-7c4e-9a30-0f3f2f4b5a6c
  contrail webhooks deliveries 0192d9a1-7c3e-7c4e-9a30-0f3f2f4b5a6c --state failed --state cancelled --since 2h --json`
}

// Run lists.
func (v *webhooksDeliveriesVerb) Run(ctx context.Context, a *app) error {
	filter, err := v.filter(time.Now())
	if err != nil {
		return err
	}
	return a.withWebhooks(ctx, func(ctx context.Context, pool *pgxpool.Pool) error {
		endpoint, err := webhook.Get(ctx, pool, v.Endpoint, v.scope())
		if errors.Is(err, webhook.ErrNotFound) && v.removed(ctx, pool) {
			err = nil
		}
		if err != nil {
			return err
		}
		filter.Consumer = endpoint.Consumer // if it is known, an index leads there
		return listing[deliveries.Record]{
			title: []string{"delivery", "state", "type", "stream", "attempts", "planned", "due", "answer"}, row: webhookDeliveryRow, right: []int{4},
			more: func(last deliveries.Record) string {
				return fmt.Sprintf("--after %s shows them, --limit 0 all", last.ID)
			},
			none: "no deliveries", limit: v.Limit, asJSON: v.JSON,
		}.print(a, deliveries.List(ctx, pool, filter))
	})
}

// removed tells whether there was such an endpoint, by what it got.
func (v *webhooksDeliveriesVerb) removed(ctx context.Context, pool *pgxpool.Pool) bool {
	one := deliveries.Filter{Channel: webhook.Channel, Recipient: v.Endpoint.String(), Tenant: v.Tenant, Limit: 1}
	for _, err := range deliveries.List(ctx, pool, one) {
		return err == nil
	}
	return false
}

// filter is what the flags mean.
func (v *webhooksDeliveriesVerb) filter(now time.Time) (deliveries.Filter, error) {
	filter := deliveries.Filter{
		Channel: webhook.Channel, Recipient: v.Endpoint.String(), Tenant: v.Tenant, Type: v.Type, After: v.After, Limit: oneMore(v.Limit, v.JSON),
	}
	for _, state := range v.State {
		filter.States = append(filter.States, deliveries.State(state))
	}
	if v.Limit < 0 {
		return filter, usagef("--limit is %d; give 0 or more", v.Limit)
	}
	var err error
	if filter.Since, err = moment("--since", v.Since, now); err != nil {
		return filter, err
	}
	if filter.Until, err = moment("--until", v.Until, now); err != nil {
		return filter, err
	}
	if !filter.Since.IsZero() && !filter.Until.IsZero() && !filter.Since.Before(filter.Until) {
		return filter, usagef("--since %s is not before --until %s", v.Since, v.Until)
	}
	return filter, nil
}

func webhookDeliveryRow(record deliveries.Record) []string {
	state := string(record.State)
	if record.Reason != "" {
		state += ", " + string(record.Reason)
	}
	due, answer := "-", "-"
	if !record.DueAt.IsZero() {
		due = record.DueAt.Format(time.RFC3339)
	}
	if last := record.Last; last != nil {
		answer = orDash(printable(last.Response))
		if last.Response == "" {
			answer = orDash(printable(last.Error))
		}
	}
	return []string{
		record.ID.String(), printable(state), record.Event.Type, printable(record.Event.Stream.String()), strconv.Itoa(record.Attempts),
		record.PlannedAt.Format(time.RFC3339), due, answer,
	}
}
