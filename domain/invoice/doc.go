// Package invoice is the aggregate with money in it: drafted, updated while it is a draft, issued, paid; voided at any time
// before it is paid; deleted at any time.
//
//	          ┌─ update
//	          ▼ │
//	draft ──► drafted ── issue ──► issued ── pay ──► paid
//	             └───── void ──► voided ◄── void ──┘
//
// It is a pure decider. [Decide] tells which events a command leads to, [Evolve] what an event changes, [Events] how
// recorded ones are read. No I/O, no clock, no ids of its own making: times and ids come with the command.
//
// The event bodies, fixed by the programs that read them, don't tell when an invoice was drafted, but no due date may lie
// before that day. InvoiceDrafted carries it in its metadata, as [KeyDraftedOn]: [Drafted.EventMetadata] gives it to whoever
// appends the event, [Drafted.WithEventMetadata] takes it back.
package invoice
