// Package contrail is the vocabulary of Contrail, the event-sourced outbox for Go services over PostgreSQL and NATS JetStream: the
// names that every other package shares, and nothing that talks to a database or to a broker.
//
// # The picture
//
//	command ──► aggregate (pure) ──► Append(ctx, tx, …) ─┐   the caller's own transaction, with the caller's own rows
//	                                                     ▼
//	              PostgreSQL   contrail.events   append-only: the events table is the outbox
//	                                                     │
//	         horizon: what is settled  ──►  feed         ▼   batches in position order
//	                                      relay, a Watermill forwarder; one leader, any number of standbys
//	                                                     │   Nats-Msg-Id and the expected last sequence: the fence
//	                                                     ▼
//	              JetStream    stream EVENTS             the same events, the same order, no gap, no duplicate
//	                                                     │   durable pull consumers: explicit ack, bounded deliveries, backoff
//	                                                     ▼
//	              subscribers: handler and inbox in one transaction │ projection and checkpoint in one transaction
//	                                                     │   exhausted or permanent
//	                                                     ▼
//	              JetStream    stream DEADLETTERS        payload, reason, cause
//
// # What a user can rely on
//
//  1. If the transaction committed, every event in it reaches the stream; if it rolled back, none does.
//  2. The stream holds each event once, in position order, which is also the order of every aggregate's versions, however long
//     the relay was down and even if two relays believe that they lead.
//  3. A handler that uses the inbox takes effect once per event. One that does not is called at least once and at most MaxDeliver
//     times; then its event is a dead letter with its payload and its reason. It is never lost in silence.
//
// # Where to go on
//
// Package [github.com/contrail-events/contrail/eventstore] appends and reads, [github.com/contrail-events/contrail/publisher] relays,
// [github.com/contrail-events/contrail/subscribers] consumes, and [github.com/contrail-events/contrail/domain] is a worked example: an
// invoicing context.
package contrail
