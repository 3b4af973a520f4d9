// Package eventstore appends domain events to PostgreSQL inside the caller's own transaction and reads them back: one stream at a
// time with [Store.Load], or all of them in position order with a [Feed] that never misses one.
//
// The table contrail.events is the outbox. What makes a writer safe lives in the table, so that a plain INSERT or a COPY by any other
// program is as safe as [Store.Append]; [Migrate] creates it.
//
// # How a reader can be exact
//
// Positions come from a sequence, so they commit out of order: 7 may become visible before 5, and a reader that asks for what lies
// above 6 has lost 5 for ever. Here every writer promises, by a shared advisory lock that nobody waits for, that it may own a
// position above the last one drawn; contrail.horizon() is the lowest promise, and below it nothing can appear any more. Only
// transactions that append hold the horizon back, and only until they end.
package eventstore
