// Package pgfault breaks a program's connections to PostgreSQL at a chosen round trip, so that a test can go through all of them: what
// is left when the database can't be reached any more at this very statement, and what when it has done the statement but its answer
// never arrived?
//
//	pool, network, err := pgfault.Open(ctx, url)                                     // without a fault: network.Trips() tells how many there are
//	pool, network, err := pgfault.Open(ctx, url, pgfault.Fault{Trip: 7, Mode: pgfault.After}) // the seventh is done, and never answered
//
// A round trip is what the client sends up to the Query, or the Sync, that the server answers with ReadyForQuery. It may be one statement,
// or a whole batch; preparing a statement is one, and so are BEGIN and COMMIT. Trips are counted over all connections of a network, from 1, in
// the order in which they begin. Connecting is none: a connection breaks, and the next one is well.
//
// A program that does the same makes the same trips, if it has a new pool, one goroutine that uses the database at a time, and does not
// leave a connection idle for more than a second, after which the pool asks whether it is still there.
package pgfault
