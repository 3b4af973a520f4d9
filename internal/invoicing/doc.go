// Package invoicing binds the worked example of package domain to PostgreSQL and to JetStream. It is what `contrail serve`, `contrail subscribe`,
// `contrail invoices` and `contrail demo` run, and it is meant to be copied from:
//
//   - [Transactor] is one transaction for the events and the service's own rows beside them; [NewServices] makes the domain's services over it.
//   - [NewSummaryProjection], [NewOverdueProjection] and [NewStatementProjection] keep three read models. A [Reader] reads them, and waits for the
//     position that a command has answered with.
//   - [NewNotifications] tells contacts of their invoices, and reminds them, through the delivery ledger and a run of steps.
//   - [ReadInput] checks a file of invoices line by line, an [Importer] posts them, and a [Lifecycle] takes them further.
//   - [Compare] folds the tenant's aggregates and tells where the read models differ from them.
//
// The tables are in a schema of their own, invoicing, which [Migrate] makes.
//
// # Read models
//
// A read model is a fold of the events, and of nothing else: each has tables of its own, written in the transaction that moves its checkpoint, and
// can be built anew beside its readers (`contrail projections rebuild`). Each is right in whatever order the events come, since one that the relay
// has left out comes later than those behind it. A handler adds up a batch in the process, and writes each row once. What makes no sense, because
// somebody has inserted it by hand, is left out with a warning: it must not stop the others.
package invoicing
