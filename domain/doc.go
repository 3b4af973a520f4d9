// Package domain is the worked example: an invoicing context with organisations, their contacts and their invoices. The
// aggregates below it ([github.com/contrail-events/contrail/domain/organisation], …/contact, …/invoice) are pure deciders; here
// are the services that run them.
//
// A command is one transaction: load the stream, decide, write the service's own row, append. When somebody else was faster
// ([contrail.ErrConflict]), the whole transaction runs again after a short pause, a bounded number of times. The services know no
// database and no broker: they ask for a [Transactor], which hands out a [Tx]. They hold no state and may be used by many goroutines at
// once.
//
// Every command and query comes from an [Actor], and what belongs to another tenant does not exist for it: [ErrNotFound]. Its references,
// keys and versions don't show either.
//
// What a client may ask of a command, it says with an [Option]: [IfVersion], that nobody changed the aggregate since it was read; [Once],
// that the same command takes effect once, however often it comes; [WithReference], the client's own name for what is made.
//
// The streams decide, and the [Register] only finds: one row an aggregate, by which it is listed, by which its reference is unique,
// and at which commands that refer to one another meet. A draft holds the rows of its organisation and its contact until it commits, and
// their deletion waits for it before its event takes its place in the global order. So nothing is made for an aggregate after the event that
// deletes it, in whatever order they are asked for; what was made before stays as it is, and goes on. A row that is missing or behind, because
// another program appended events by itself, is written from the stream when a command comes upon it; two programs that race by themselves are
// not kept apart.
package domain
