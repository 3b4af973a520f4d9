package main

import (
	"context"

	"github.com/contrail-events/contrail/publisher"
)

// rebuildVerb fills a stream on purpose.
type rebuildVerb struct{ drainVerb }

// Help teaches.
func (*rebuildVerb) Help() string {
	return `Fills a stream that is new, was deleted or was emptied, from the first event on, and one that ends with an event of this database
from there on, all of its messages being compared first. A relay stops at such a stream, since publishing everything again to the
wrong place can't be taken back: look at --nats-url and --stream twice. No relay may lead the stream meanwhile.

Consumers of a stream that was emptied are new, or meet its events again: handlers with an inbox, and projections, do nothing for
those that they have handled. Events that are parked or discarded stay out. A stream that was emptied within two minutes of its
last events is filled when these are over: until then the broker takes the events for duplicates. To fill a second stream beside the
first, run a relay with another --stream and --prefix.

Then it goes on as drain does: it exits 0 when everything that was settled is in the stream, and 1 with what is left and why.

Examples:

  contrail rebuild
  contrail rebuild --stream EVENTS2 --prefix events2`
}

// Run rebuilds.
func (v *rebuildVerb) Run(ctx context.Context, a *app) error {
	return v.run(ctx, a, (*publisher.Relay).Rebuild)
}
