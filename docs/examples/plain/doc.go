// Package plain is a consumer of Contrail's stream that knows nothing of Contrail: it imports nats.go and the standard library, and no more.
// It is there to be read, and to be rewritten in whatever language you use; docs/consumers.md explains each step and the reasons.
//
// What it does: it applies each event once, in the stream's order, in a transaction of its own database; a failing event is tried again with growing
// pauses while the later ones wait; and one that can't be applied becomes a dead letter, which `contrail dead-letters` lists and requeues.
//
// What it leaves out: events whose processes die at every attempt. The broker gives these up by itself, and says so in an advisory.
package plain
