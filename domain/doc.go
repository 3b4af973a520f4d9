// Package domain is the worked example: an invoicing context with organisations, their contacts and their invoices. The
// aggregates below it ([github.com/contrail-events/contrail/domain/organisation], …/contact, …/invoice) are pure deciders; here
// are the services that run them.
//
// A command is one transaction: load the stream, decide, append. When somebody else appended in between
// ([contrail.ErrConflict]), the whole transaction runs again, a bounded number of times. The services know no database and no
// broker: they ask for a [Transactor], which hands out a [Store]. They hold no state and may be used by many goroutines at
// once.
//
// Every command and query comes from an [Actor], and what belongs to another tenant does not exist for it: [ErrNotFound].
//
// What is not promised: that a contact's organisation, or an invoice's organisation and contact, live is checked as of the
// transaction; one deleted at the very same moment is not seen.
package domain
