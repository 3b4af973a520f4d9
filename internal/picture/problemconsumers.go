package picture

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"time"

	"github.com/contrail-events/contrail/subscribers/projections"
	"github.com/contrail-events/contrail/subscribers/subscriptions"
)

// consumerProblems are about consumers that get nothing.
func (r *Reader) consumerProblems(p Picture) (found []Problem) {
	for _, one := range p.Subscriptions {
		where := atConsumers + "/" + url.PathEscape(one.Durable)
		lag := Count{N: int64(one.Lag)} //nolint:gosec // a number of events
		switch {
		case one.PausedUntil != nil:
			found = append(found, warning(where, "contrail subscriptions resume "+one.Durable+onStream(r.config.Stream),
				"consumer %s is paused until %s, and %s %s", one.Durable, one.PausedUntil.UTC().Format(time.RFC3339), numbered(lag, "event"), lag.waits()))
		case one.MaxAckPending > 0 && one.InHand >= mostInHand(one):
			found = append(found, warning(where, "see what its handlers wait for; contrail subscriptions show "+one.Durable+onStream(r.config.Stream),
				"consumer %s has %s in hand, which is all that it may: it gets no more until some are answered", one.Durable, numbered(Count{N: int64(one.InHand)}, "event")))
		case r.deserted(p, one):
			found = append(found, warning(where, "start its program, or delete the consumer if nobody needs it any more",
				"nobody asks for the events of consumer %s, and %s %s", one.Durable, numbered(lag, "event"), lag.waits()))
		}
	}
	return found
}

// mostInHand is how many events a subscription may have in hand: of one that is divided, each partition may have so many.
func mostInHand(one subscriptions.Subscription) int {
	if one.Division == nil {
		return one.MaxAckPending
	}
	return one.MaxAckPending * max(len(one.Division.Partitions), 1)
}

// deserted tells whether events wait, nobody asks for them, and nobody has for a while.
func (r *Reader) deserted(p Picture, one subscriptions.Subscription) bool {
	if one.Pending == 0 || one.Waiting > 0 || one.InHand > 0 {
		return false
	}
	last := one.Created
	for _, place := range []subscriptions.Place{one.AckFloor, one.Delivered} {
		if place.At != nil && place.At.After(last) {
			last = *place.At
		}
	}
	return p.At.Sub(last) >= r.config.Limits.Idle
}

// letterProblems are about what could not be handled.
func (r *Reader) letterProblems(p Picture) (found []Problem) {
	for _, consumer := range slices.Sorted(maps.Keys(p.DeadLetters)) {
		letters := Count{N: p.DeadLetters[consumer]}
		found = append(found, warning(atLetters+"?consumer="+url.QueryEscape(consumer), "contrail dead-letters list --consumer "+consumer+"; mend the cause, then requeue or discard",
			"%s of consumer %s %s for a person", numbered(letters, "dead letter"), consumer, letters.waits()))
	}
	return found
}

// projectionProblems are about read models that are not kept up.
func (r *Reader) projectionProblems(p Picture) (found []Problem) {
	for _, one := range p.Projections {
		where := atProjections + "/" + url.PathEscape(one.Name)
		behind := one.Lag != nil && *one.Lag > 0
		switch {
		case one.PausedAt != nil:
			found = append(found, warning(where, "contrail projections resume "+one.Name, "%s",
				pausedText("projection "+one.Name, *one.PausedAt, one.PausedBy, one.PausedBecause)+"; its read model is not kept up meanwhile"))
		case one.Active == nil && behind:
			found = append(found, warning(where, "start its program, or leave it if nobody needs it any more",
				"no process runs projection %s, which has %s to read", one.Name, numbered(Count{N: *one.Lag}, "event")))
		case behind && *one.Lag >= r.config.Limits.Behind:
			found = append(found, warning(where, "see what its handler waits for, and whether the lag shrinks",
				"projection %s has %s to read", one.Name, numbered(Count{N: *one.Lag}, "event")))
		}
		if one.Rebuild != nil && one.Rebuild.State == projections.Failed {
			found = append(found, warning(where, "mend it, then contrail projections rebuild "+one.Name,
				"%s", fmt.Sprintf("the rebuild of projection %s has failed: %s", one.Name, one.Rebuild.Error)))
		}
	}
	return found
}
