package main

import (
	"context"
	"errors"

	"github.com/contrail-events/contrail/subscribers/deliveries"
)

// deliveriesPurgeVerb purges deliveries.
type deliveriesPurgeVerb struct {
	deliveriesScope

	Consumer  string `placeholder:"CONSUMER" help:"Deliveries in this consumer's ledger."`
	OlderThan string `default:"90d" placeholder:"TIME" help:"How long ago they have ended at least, as 36h or 30d."`
	Limit     int64  `env:"-" help:"At most so many, the oldest; 0: no limit."`
	Batch     int    `default:"1000" help:"Deliveries in one transaction, at most."`
	JSON      bool   `name:"json" help:"Print JSON."`
}

// Help teaches.
func (*deliveriesPurgeVerb) Help() string {
	return `Deletes deliveries that have ended longer ago than a time, with all that is known of them, and the events that no delivery is left of. What
has not ended is never touched. The time must be longer than an event can come again, as by a replay: what is purged is planned anew
then. It may be interrupted and run again; run it from cron.

Examples:

  contrail deliveries purge
  contrail deliveries purge --consumer invoice-mail --older-than 30d`
}

// Run purges.
func (v *deliveriesPurgeVerb) Run(ctx context.Context, a *app) error {
	age, err := olderThan(v.OlderThan)
	if err := errors.Join(err, atLeast("--limit", int(v.Limit), 0), atLeast("--batch", v.Batch, 1)); err != nil {
		return err
	}
	pool, err := a.openStore(ctx, 1)
	if err != nil {
		return err
	}
	defer pool.Close()
	purged, err := deliveries.Purge(ctx, pool, deliveries.Retention{
		Scope: v.scope(), Consumer: v.Consumer, OlderThan: age, Limit: v.Limit, Batch: v.Batch,
	})
	if v.JSON {
		return errors.Join(a.printJSON(purged), err)
	}
	if purged.Deliveries > 0 || err == nil {
		a.printf("%s and %s %s purged\n", numberOfDeliveries(purged.Deliveries), plural(purged.Events, "event"),
			agree(purged.Deliveries+purged.Events, "is", "are"))
	}
	return err
}
