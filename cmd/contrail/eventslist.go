package main

import (
	"context"
	"iter"
	"slices"
	"time"

	"github.com/contrail-events/contrail"
)

// eventsListVerb lists events.
type eventsListVerb struct {
	eventsFilter
	keysFlag

	Limit   int64 `default:"50" help:"At most so many: the last ones."`
	All     bool  `help:"All of them, however many."`
	Reverse bool  `help:"The newest first."`
	JSON    bool  `name:"json" help:"Print JSON lines, in the format of export."`
}

// Help teaches.
func (*eventsListVerb) Help() string {
	return `Lists the last 50 events that the filters select, the newest at the bottom. Encrypted data is
shown with --keys; without, only that it is sealed.

` + filterHelp + `

Examples:

  contrail events list
  contrail events list --stream invoice-42 --all
  contrail events list --type InvoiceIssued --type InvoicePaid --since 2h --json | jq .data`
}

// Run lists.
func (v *eventsListVerb) Run(ctx context.Context, a *app) error {
	query, err := v.query(time.Now())
	if err != nil {
		return err
	}
	if v.Limit < 1 {
		return usagef("--limit is %d; give 1 or more, or --all", v.Limit)
	}
	query.Backwards, query.Limit = true, v.Limit
	if v.All {
		query.Backwards, query.Limit = v.Reverse, 0
	}
	store, err := v.newStore()
	if err != nil {
		return err
	}
	pool, err := a.openStore(ctx, 1)
	if err != nil {
		return err
	}
	defer pool.Close()
	found := store.Read(ctx, pool, query)
	if query.Backwards && !v.Reverse {
		if found, err = turned(found); err != nil {
			return err
		}
	}
	n, err := a.newEventsPrinter(v.JSON).printAll(found)
	if err == nil && n == 0 && !v.JSON {
		a.printf("no events\n")
	}
	return err
}

// turned turns round what was read backwards, which it holds in memory.
func turned(events iter.Seq2[contrail.Recorded, error]) (iter.Seq2[contrail.Recorded, error], error) {
	var all []contrail.Recorded
	for event, err := range events {
		if err != nil {
			return nil, err
		}
		all = append(all, event)
	}
	return func(yield func(contrail.Recorded, error) bool) {
		for _, event := range slices.Backward(all) {
			if !yield(event, nil) {
				return
			}
		}
	}, nil
}

// printAll prints a sequence to its end, and tells how many events it had.
func (p *eventsPrinter) printAll(events iter.Seq2[contrail.Recorded, error]) (n int64, err error) {
	for event, err := range events {
		if err == nil {
			err = p.print(event)
		}
		if err != nil {
			return n, err
		}
		n++
	}
	return n, p.flush()
}
