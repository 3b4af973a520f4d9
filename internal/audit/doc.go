// Package audit keeps the log of what operators do, in contrail.audit: a row is written before an action is done, and completed after it. An
// action that can't be written down is not to be done.
//
//	log := audit.New(pool)
//	id, err := log.Begin(ctx, audit.Action{Who: "ada", Role: "operator", Action: "relay.pause", Target: "relay host:123", Reason: "upgrade"})
//	…
//	outcome, err := log.End(ctx, id, results, failure)
//
// A row that has begun and not ended is of an action that is still being done, or whose process has died.
package audit
