// Package deadletters is where a person looks after the events that subscriptions could not handle. It reads and changes a JetStream stream
// of dead letters and needs nothing but the broker; package subscribers fills the stream, and hands out what is requeued here.
//
//	for letter, err := range deadletters.List(ctx, js, deadletters.Filter{Consumer: "invoice-summary"}) { … }
//	for outcome, err := range deadletters.Requeue(ctx, js, deadletters.At("DEADLETTERS", 17, 23), deadletters.Options{}) { … }
//
// # States
//
//	dead       Requeue → requeued    Discard → discarded    Purge deletes it
//	requeued   its consumer handles it, and it no other; if it fails again, it becomes another dead letter. Purge deletes it after that
//	discarded  a person has decided against it, and its payload is gone. Purge deletes the rest
//
// What becomes of a letter stands in the same stream, as a message of its own with another id: the requeued one is a copy, and what the
// consumer gets; the discarded one is a mere record of what it was, and of who decided so and why.
//
// # Crashes, and two at once
//
// A letter is deleted after the broker has acknowledged what it becomes. A process that dies in between leaves both; requeueing the letter
// again then finds the copy and only deletes the letter, however long ago that was. So it is with two persons who requeue a letter at the
// same time. Of one who requeues and one who discards both may have their way: the event is handled again, and noted as discarded.
//
// A message on the stream's subjects that is no dead letter, since another program has sent it there, has the reason [ReasonMalformed]. It
// can be listed, shown, discarded and purged, but not requeued.
package deadletters
