package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/contrail-events/contrail/subscribers/deliveries"
)

// deliveriesRecoverVerb recovers deliveries.
type deliveriesRecoverVerb struct {
	deliveriesScope

	IDs       []string `arg:"" optional:"" name:"delivery" help:"Which; none: all that are stuck."`
	Consumer  string   `placeholder:"CONSUMER" help:"Deliveries in this consumer's ledger."`
	Ambiguous string   `env:"-" enum:"agreed,hold,resend" default:"agreed" help:"What becomes of them: hold has a person decide, resend sends them again, agreed is what was agreed on when the attempt began."`
	Because   string   `env:"-" default:"the lease was over" placeholder:"TEXT" help:"Why; kept in the timeline."`
	Limit     int      `env:"-" help:"At most so many; 0: no limit."`
	JSON      bool     `name:"json" help:"Print JSON lines."`
}

// Help teaches.
func (*deliveriesRecoverVerb) Help() string {
	return `Recovers deliveries of which an attempt was begun by a process that has died, or can't reach the database any more: its lease is over. Nobody
knows whether the attempt took effect. As was agreed on when it began, the delivery is held for a person (contrail deliveries list --held),
or sent again, marked as a possible duplicate. A consumer does this by itself within seconds while it runs. Each attempt is recovered
once, however many do this at a time. It exits 1 when a delivery that was named is not recovered.

Examples:

  contrail deliveries recover
  contrail deliveries recover --consumer invoice-mail --ambiguous hold --because 'the provider was down'`
}

// recoveredDelivery is what became of one.
type recoveredDelivery struct {
	ID      uuid.UUID        `json:"id"`
	Attempt int              `json:"attempt,omitempty"` // zero: nothing was to be recovered
	State   deliveries.State `json:"state,omitempty"`
	DueAt   time.Time        `json:"due_at,omitzero"`
	Done    bool             `json:"done"`
	Text    string           `json:"text"` // completes "delivery … "
}

// Run recovers.
func (v *deliveriesRecoverVerb) Run(ctx context.Context, a *app) error {
	ids, err := deliveryIDs(v.IDs)
	switch {
	case err != nil:
		return err
	case v.Limit < 0:
		return usagef("--limit is %d; give 0 or more", v.Limit)
	case len(ids) > 0 && (v.Consumer != "" || v.Limit > 0):
		return usagef("deliveries are given, so there is nothing to select; leave --consumer and --limit away, or the deliveries")
	case v.Because == "":
		return usagef("no reason is given; say with --because why")
	}
	pool, err := a.openStore(ctx, 1)
	if err != nil {
		return err
	}
	defer pool.Close()
	outcomes := v.all(ctx, pool)
	if len(ids) > 0 {
		outcomes = v.named(ctx, pool, ids)
	}
	return printOutcomes(a, outcomes, v.JSON, func(one recoveredDelivery) becomes {
		return becomes{text: fmt.Sprintf("delivery %s %s", one.ID, one.Text), done: one.Done}
	})
}

func (v *deliveriesRecoverVerb) options() deliveries.RecoverOptions {
	options := deliveries.RecoverOptions{Consumer: v.Consumer, Tenant: v.Tenant, By: person(), Because: v.Because}
	if v.Ambiguous != "agreed" {
		options.Ambiguous = deliveries.Handling(v.Ambiguous)
	}
	return options
}

const recoverBatch = 100 // deliveries in one transaction

// all recovers until nothing is left to be.
func (v *deliveriesRecoverVerb) all(ctx context.Context, pool *pgxpool.Pool) iter.Seq2[recoveredDelivery, error] {
	return func(yield func(recoveredDelivery, error) bool) {
		options := v.options()
		for left := v.Limit; ; {
			options.Limit = recoverBatch
			if v.Limit > 0 {
				options.Limit = min(left, recoverBatch)
			}
			batch, err := deliveries.Recover(ctx, pool, options)
			if err != nil {
				yield(recoveredDelivery{}, err)
				return
			}
			for _, one := range batch {
				if !yield(recoveredAs(one), nil) {
					return
				}
			}
			if left -= len(batch); len(batch) < options.Limit || left == 0 { // without a limit it is below zero
				return
			}
		}
	}
}

// named recovers one after another, and says why one is not.
func (v *deliveriesRecoverVerb) named(ctx context.Context, pool *pgxpool.Pool, ids []uuid.UUID) iter.Seq2[recoveredDelivery, error] {
	return func(yield func(recoveredDelivery, error) bool) {
		for _, id := range ids {
			one, err := v.recoverOne(ctx, pool, id)
			if !yield(one, err) || err != nil {
				return
			}
		}
	}
}

func (v *deliveriesRecoverVerb) recoverOne(ctx context.Context, pool *pgxpool.Pool, id uuid.UUID) (recoveredDelivery, error) {
	options := v.options()
	options.Delivery = id
	recovered, err := deliveries.Recover(ctx, pool, options)
	if err != nil {
		return recoveredDelivery{}, err
	}
	if len(recovered) > 0 {
		return recoveredAs(recovered[0]), nil
	}
	timeline, err := deliveries.Explain(ctx, pool, id, v.scope())
	switch {
	case errors.Is(err, deliveries.ErrNotFound):
		return recoveredDelivery{ID: id, Text: noDelivery(v.scope())}, nil
	case err != nil:
		return recoveredDelivery{}, err
	}
	text := "is not stuck: it is " + deliveryState(timeline.State, timeline.Standing)
	return recoveredDelivery{ID: id, State: timeline.State, DueAt: timeline.DueAt, Text: text}, nil
}

// recoveredAs says what became of it.
func recoveredAs(one deliveries.Recovered) recoveredDelivery {
	told := recoveredDelivery{ID: one.ID, Attempt: one.Attempt, State: one.State, DueAt: one.Due, Done: true}
	told.Text = fmt.Sprintf("is recovered: nobody knows whether attempt %d took effect, and ", one.Attempt)
	switch {
	case one.State == deliveries.Cancelled:
		told.Text += "it is cancelled"
	case one.Due.IsZero():
		told.Text += "it is held for a person"
	default:
		told.Text += "it is sent again at " + one.Due.UTC().Format(time.RFC3339)
	}
	return told
}
