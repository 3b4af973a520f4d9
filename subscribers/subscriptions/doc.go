// Package subscriptions looks at the subscriptions of a JetStream stream and tells them what to do, from anywhere that reaches the broker: a
// command line, a dashboard, an application. The processes that run them need not know of it, nor need there be any.
//
//	all, err := subscriptions.List(ctx, js, "EVENTS", "DEADLETTERS")
//	err = subscriptions.Pause(ctx, js, subscriptions.Name{Durable: "invoice-summary"}, time.Now().Add(time.Hour))
//
// A subscription is two durable consumers of the same name: one on the stream of events, and one on the stream of dead letters for what is
// requeued or replayed to it alone. [List] and [Get] read how they are; [Pause] and [Resume] mean both of them.
//
// One whose events are divided (subscribers.Config.Partitions) has in place of the first a stream, STREAM_DURABLE, into which the broker copies the events,
// with a consumer for each partition. It is one subscription all the same: see [Division]. [Undivide] lets it have another number of partitions.
//
// # Having events handled again
//
// [Reset] moves the consumer to another place in its stream, from where it goes on: everything behind that is delivered once more, or is passed
// over. [Replay] sends the events of a range to the subscription once more, beside what it is about to handle anyway. Both heed the
// inbox, which belongs to the subscription's database: an event that has a row there takes effect again only if the row is deleted, by
// Forget of a reset, and always by a replay.
//
// # Rights
//
// All of it needs the JetStream API of the two streams; [List] lists all streams, and a divided subscription has a stream and a bucket of its own, which
// [Reset] and [Undivide] write to and delete. What deletes rows of the inbox needs the role contrail_consume as well.
package subscriptions
