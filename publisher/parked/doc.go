// Package parked is where a person decides about the events that a relay has left out of their place in the stream: those that the broker
// refuses, those that are held behind them, and those that were found missing. It reads and changes the table contrail.parked and needs
// nothing but the database; the relay (package publisher) heeds what is decided here.
//
//	for event, err := range parked.List(ctx, pool, parked.Filter{Relay: "EVENTS"}) { … }
//	outcomes, err := parked.Requeue(ctx, pool, parked.At("EVENTS", 17, 23), parked.Decision{By: "ada@ops", Note: "max_payload is 8 MB now"})
//
// # States
//
//	parked     Requeue → requeued    Discard → discarded
//	held       Discard → discarded   the relay → published, as soon as no event before it in its own stream is parked
//	requeued   Discard → discarded   Withdraw → parked       the relay → published, or parked again if it is still refused
//	discarded  Requeue → requeued
//	published  stays so; Purge deletes it once it stands in its order
//
// Nothing but a person takes an event out of state parked, and nothing but a person brings back one that is discarded. Why an event is not
// in its place ([Reason]) and what the broker last answered (Event.Error) stand apart, and both stay when it is published at last.
//
// # Two at once
//
// Every change locks its rows, in the order of relay and position, and is decided by what they are then, so that of two persons the second
// one is told what the first has done. [Seen] goes further, and changes only what is as the person saw it. A relay that
// already has the broker's acknowledgement for an event writes that it is published, whatever was decided meanwhile: what stands in the
// stream stands there. The counter contrail.relays.requests grows in the same transaction, and is locked last; a relay that locks in the
// same order, its rows here before its row there, never meets a deadlock.
package parked
