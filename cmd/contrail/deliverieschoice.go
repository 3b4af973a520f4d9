package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/contrail-events/contrail/subscribers/deliveries"
)

// deliveriesChoice is which deliveries a person decides about: those that are named, or all that the filters select.
type deliveriesChoice struct {
	deliveriesFilter
	choiceFlags

	Because string   `env:"-" placeholder:"TEXT" help:"Why; kept in the timeline, and required."`
	IDs     []string `arg:"" optional:"" name:"delivery" help:"Which, as contrail deliveries list shows them."`
}

// deliveriesChange is a decision: what the package does, which states may be meant by --all, and what is asked before.
type deliveriesChange struct {
	word   string             // to type, to go on
	asks   string             // completes the question "3 deliveries of 1 consumer will be …"
	answer io.Reader          // where it is typed
	states []deliveries.State // that may be meant
	usual  deliveries.Filter  // what is meant where no state is given
	order  deliveries.Order
	do     func(ctx context.Context, db deliveries.Beginner, id uuid.UUID, order deliveries.Order) (deliveries.Decided, error)
}

// chosen is a delivery that is meant, and when it was changed last, as far as the person knows.
type chosen struct {
	id   uuid.UUID
	seen time.Time
}

func deliveryNames() choosable {
	return choosable{names: "deliveries", question: "which deliveries? give them by id"}
}

// check refuses what makes no sense.
func (c deliveriesChoice) check(states []deliveries.State) error {
	if c.Because == "" {
		return usagef("no reason is given; say with --because why")
	}
	for _, state := range c.State {
		if !slices.Contains(states, deliveries.State(state)) {
			return usagef("--state is %s; this takes deliveries that are %s", state, alternatives(states))
		}
	}
	return c.choiceFlags.check(deliveryNames(), len(c.IDs), c.isGiven())
}

// run decides, and prints what becomes of each delivery as it happens.
func (c deliveriesChoice) run(ctx context.Context, a *app, change deliveriesChange) error {
	if err := c.check(change.states); err != nil {
		return err
	}
	ids, err := deliveryIDs(c.IDs)
	if err != nil {
		return err
	}
	filter, err := c.filter(time.Now())
	if err != nil {
		return err
	}
	change.order.Scope, change.order.By, change.order.Because = c.scope(), person(), c.Because
	if err := change.order.Validate(); err != nil {
		return usageError{inDeliveryFlags(err)}
	}
	pool, err := a.openStore(ctx, 1)
	if err != nil {
		return err
	}
	defer pool.Close()
	var all []chosen
	for _, id := range ids {
		all = append(all, chosen{id: id})
	}
	if c.All {
		if all, err = c.selection(ctx, a, pool, filter, change); err != nil {
			return err
		}
	}
	return printOutcomes(a, change.decide(ctx, pool, all), c.JSON, deliveryBecomes)
}

// selection is what is meant, as it is now, the oldest first.
func (c deliveriesChoice) selection(
	ctx context.Context, a *app, pool *pgxpool.Pool, filter deliveries.Filter, change deliveriesChange,
) ([]chosen, error) {
	if len(filter.States) == 0 && len(filter.Standings) == 0 {
		filter.States, filter.Standings = change.usual.States, change.usual.Standings
	}
	filter.LastRound, filter.OldestFirst, filter.Limit = true, true, c.Limit
	var all []chosen
	consumers := map[string]bool{}
	for one, err := range deliveries.List(ctx, pool, filter) {
		if err != nil {
			return nil, err
		}
		all, consumers[one.Consumer] = append(all, chosen{one.ID, one.ChangedAt}), true
	}
	if len(all) == 0 || c.Yes {
		return all, nil
	}
	question := fmt.Sprintf("%s of %s will be %s", numberOfDeliveries(len(all)), plural(len(consumers), "consumer"), change.asks)
	return all, a.confirmChange(ctx, change.answer, question, change.word)
}

// decide yields what became of each. What ends it too early comes as the last pair.
func (c deliveriesChange) decide(ctx context.Context, pool *pgxpool.Pool, all []chosen) iter.Seq2[deliveries.Decided, error] {
	return func(yield func(deliveries.Decided, error) bool) {
		for _, one := range all {
			order := c.order
			order.Seen = one.seen
			told, err := c.do(ctx, pool, one.id, order)
			if errors.Is(err, deliveries.ErrNotFound) {
				told, err = deliveries.Decided{ID: one.id, Text: noDelivery(order.Scope)}, nil
			}
			if !yield(told, err) || err != nil {
				return
			}
		}
	}
}

// noDelivery completes "delivery … ". Of what is another tenant's it says the same as of what is not there.
func noDelivery(scope deliveries.Scope) string {
	if scope.Tenant != "" {
		return "is no delivery of tenant " + scope.Tenant
	}
	return "is no delivery"
}

func numberOfDeliveries[T int | int64](n T) string {
	return thousands(n) + " " + agree(n, "delivery", "deliveries")
}

func deliveryBecomes(told deliveries.Decided) becomes {
	return becomes{text: fmt.Sprintf("delivery %s %s", told.ID, told.Text), done: told.Done}
}
