// Package projections looks at the projections of a database and tells them what to do, from anywhere that reaches it: a command line, a
// dashboard, an application. The database is that of the read models.
//
//	_, err := projections.Pause(ctx, pool, "statement", projections.Order{By: "ada@ops", Because: "the tables are moved"})
//	request, err := projections.Rebuild(ctx, pool, "statement", projections.Order{By: "ada@ops"})
//	rebuilt, err := projections.Await(ctx, pool, request, func(now projections.Projection) { … })
//
// # Pause
//
// When [Pause] has returned, the handler of the projection is not called any more until [Resume], whatever processes start or end meanwhile:
// the batch that was under way is done. What is published meanwhile waits in the stream. A rebuild waits, too.
//
// # Rebuild
//
// [Rebuild] asks for a read model to be built anew from the event store. The process that is active for the projection does it, beside its
// usual work; where none runs, the request waits for one. [Await] tells how far that is, and when it is done: until then the read model
// is what it was, and then it is replaced at once. [Cancel] takes the request back.
//
// # Rights
//
// What only reads needs the role contrail_read; what tells projections something needs contrail_operate as well. Who is active is told in full only to
// members of pg_read_all_stats, or of the role that the process logs in as.
package projections
