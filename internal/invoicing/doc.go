// Package invoicing binds the worked example of package domain to PostgreSQL and to JetStream. It is what `contrail demo` and
// `contrail subscribe` run, and it is meant to be copied from:
//
//   - [Transactor] lets the domain's services append through package eventstore, [NewServices] makes them.
//   - [NewSummarySubscription] keeps the read model "invoice-summary" through an inbox, in whatever order events are handled; [ReadSummaries]
//     reads it.
//   - [NewStatementProjection] keeps the organisations' statements in global order; [ReadStatement] reads one.
//   - [ReadInput] checks a file of invoices line by line, an [Importer] drafts them, and a [Lifecycle] takes them further.
//   - [Compare] folds the tenant's aggregates and tells where the read models differ from them.
//
// The tables are in a schema of their own, invoicing, which [Migrate] makes.
package invoicing
