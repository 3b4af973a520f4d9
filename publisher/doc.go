// Package publisher relays the events of a store to a JetStream stream: every settled event, once, in position order.
//
// # The relay
//
// A [Relay] is Watermill's forwarder between a source, which reads the store's feed, and a sink, which publishes to JetStream. One
// Watermill message carries one batch of events in its context, so that the forwarder, its router and its middlewares cost next to
// nothing per event. Any number of relays may run; one leads, by an advisory lock in PostgreSQL, and the others stand by.
//
// # The fence
//
// The relay is the only writer of its stream, so it knows the stream's last sequence, and every message tells the broker which
// sequence it must follow (Nats-Expected-Last-Sequence). A message that is lost, late, doubled, or sent by a relay that no longer leads
// makes the broker refuse it instead of storing it out of order. Since every relay maps the same events to the same sequences, two
// that believe that they lead can only do each other's work. Nothing depends on the length of the broker's deduplication window.
//
// # Where it resumes
//
// On start, on take-over and after any error the relay asks the stream's leader for its last message: the broker knows best what it
// has. A stream that this store did not write, or that somebody else writes to, stops the relay with a [*StreamError].
package publisher
