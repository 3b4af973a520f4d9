// Package subscribers consumes the events that a relay published: typed handlers behind a durable JetStream consumer, an inbox that makes
// their effect happen once, dead letters for what can't be handled, and projections with a checkpoint.
//
//	sub, err := subscribers.New(js, subscribers.Config{Durable: "invoice-summary", Inbox: subscribers.NewInbox(pool)})
//	subscribers.HandleTx(sub, func(ctx context.Context, tx pgx.Tx, e contrail.Delivered[invoice.Issued]) error { … })
//	err = sub.Run(ctx)
//
// # What holds
//
//   - [HandleTx]: the handler's writes and the inbox row are one transaction, so an event takes effect once, however often it is
//     delivered and wherever the process dies. The handler itself may be called more often: many events share a transaction, and when one
//     of them fails all are rolled back and done again one by one. So its effects belong in the transaction that it is given.
//
//   - [Handle]: at least once. The event is acknowledged after the handler returned nil.
//
//   - Order: the events of one stream are handled one after another in a process, in stream order. While one waits for its retry its later
//     siblings wait too, and other streams go on. Processes that share a durable keep no order between them, nor does a process that
//     starts where another one died: what the dead one had in hand comes back after AckWait. With Config.Partitions and an inbox they do. A [Projection] keeps
//     order always.
//
//   - An event that the relay publishes once more, to repair its stream, is a new message. An inbox knows it; to [Handle] it is one more
//     delivery. One that had been left out and is requeued comes late, behind later events of its stream. What a [Projection] makes of the
//     two is said there.
//
//   - Verdicts: nil acknowledges, [contrail.Skip] too; [contrail.Permanent] makes a dead letter at once; [contrail.RetryAfter] and any
//     other error ask for another delivery, and on delivery number MaxDeliver make a dead letter. A panic is an error, and so is
//     runtime.Goexit. A delay below zero counts as zero, one above 30 days as 30 days.
//
//   - A dead letter is published, and acknowledged by the broker, before the event is terminated. While it can't be published the event
//     is kept in progress. If the process has to stop before that, the event is left unacknowledged, and the broker reports it with an
//     advisory.
//
//   - Encrypted data is opened with Config.Keys before a handler sees it. An event whose key was deleted is handled like any other: Erased, and without
//     data. One that was altered becomes a dead letter, and so does each one if there are no keys.
//
// # What counts as a delivery
//
// The broker counts deliveries, not calls: a process that dies, or is drained with the event in its queue, has used one up. An event on its
// last delivery is therefore still handled while draining, and by itself. One whose deliveries were used up in the hands of processes that died on account of
// another event gets another chance. An unreachable database is not the handler's fault and uses up none:
// the event is kept in progress and tried again here, until the database is back. So it is with a key that can't be fetched, or not be
// unwrapped for want of a key-encryption key.
package subscribers
