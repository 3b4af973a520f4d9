// Package publisher relays the events of a store to a JetStream stream: every settled event, once, in position order.
//
// # The relay
//
// A [Relay] is Watermill's forwarder between a source, which reads the store's feed, and a sink, which publishes. One Watermill message carries
// one batch of events in its context, so that the forwarder, its router and its middlewares cost next to nothing per event. Any number of
// relays may run; one leads, by an advisory lock in PostgreSQL, and the others stand by. [NewRelayTo] publishes to any other Watermill publisher.
//
// # The fence
//
// The relay is the only writer of its stream, so it knows the stream's last sequence, and every message tells the broker which
// sequence it must follow (Nats-Expected-Last-Sequence). A message that is lost, late, doubled, or sent by a relay that no longer leads
// makes the broker refuse it instead of storing it out of order. Nothing depends on the length of the broker's deduplication window. Streams that
// others write to as well have a weaker fence: [MsgID].
//
// # Where it resumes
//
// On start, on take-over and after any error the relay asks the stream's leader for its last message: the broker knows best what it
// has. A stream that this store did not write, or that somebody else writes to, stops the relay with a [*StreamError]; [Relay.Rebuild] fills one that
// was emptied.
//
// # What it leaves out
//
// An event that is refused again and again is parked ([OnPermanent]): written down, with its reason, for a person to decide (package parked). What
// is requeued then, and what [Repair] finds missing, is published at the stream's end, marked as being out of its order. [Verify] compares store
// and stream, event by event.
//
// # How it is, and what it is told
//
// Every few seconds a relay writes down how it fares, and reads what it is told: to pause, to resume, to stop, to dump its goroutines (package
// control). An idle one does that in the same statement as its safety read, and asks the database nothing else.
package publisher
