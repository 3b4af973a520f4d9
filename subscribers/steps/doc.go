// Package steps performs handlers of several steps with recovery points: each step's effect in the database, and the point from which the run
// goes on, commit in one transaction. A process may die anywhere; whoever begins the run again, on any host, goes on where it stood.
//
//	result, err := steps.Run(ctx, pool, "orders/42", order,
//		steps.Tx("reserve", func(ctx context.Context, tx pgx.Tx, run *steps.State) error { … }).Undo(release),
//		steps.Call("charge", func(ctx context.Context, run *steps.State) (Charge, error) {
//			return payments.Charge(ctx, order.Total, run.Key()) // the same key whenever this call is made again
//		}, func(ctx context.Context, tx pgx.Tx, run *steps.State, charge Charge) error { return run.Set("charge", charge.ID) }).UndoCall(refund),
//		steps.Sleep("grace", 24*time.Hour),
//		steps.Tx("confirm", func(ctx context.Context, tx pgx.Tx, run *steps.State) error { return run.Return(receipt) }),
//	)
//
// # Runs
//
// A run is known by its key, and begun once: with the same key again comes its stored result, its stored failure, or the rest of its steps.
// With other args that is [ErrArgsMismatch], and with other steps [ErrDefinitionMismatch], also of a run that has ended: let the key tell what
// differs, as in orders/42/v2.
//
// One process performs a run at a time: others get a [*LockedError]. It holds the run by a lease that it renews; when the lease runs out, because the
// process has died or is frozen, the run may be taken over. What the former one does in the database from then on is rolled back: each commit
// asks for the lock's token ([ErrLockLost]).
//
// # Steps
//
// A step that returns nil has succeeded, and is never performed again. With its error its transaction is rolled back, the error is recorded, and Run
// returns a [*StepError], which asks subscriptions for another delivery when the backoff is over; after Options.MaxFailures in a row, or after an error marked with
// [contrail.Permanent], the run fails for good: what its steps have done is undone by their Undo, the last one first, and Run returns a [*FailedError], now and
// ever after. A panic, and runtime.Goexit, are errors like others. [Repeat], [Wait], [WaitUntil] and [Halt] commit the step's transaction and
// have the same step performed again: at once, later, or when a person says so.
//
// Serialization failures and deadlocks are tried again at once, some times, before they count as an error. An outage of the database can't be written down while it lasts: a run
// that stood locked meanwhile is taken over when its lease has run out, which counts once.
//
// # Guarantees
//
//   - What a step does by its transaction takes effect once. That holds for events, too, that it appends with it.
//   - A [Call] is made at least once, and its result is recorded once: give its [State.Key] to the other side, so that it takes effect once.
//   - Time passes by the database's clock.
//
// Not guaranteed: that a Call is not under way anymore when the run is taken over; its ctx has ended by then, if its process isn't frozen.
//
// # Workers
//
// Run performs a run in the caller's goroutine, and does not wait for timers: it returns a [*WaitingError]. A Worker performs runs by the name of their
// workflow, in the background, when they are due.
package steps
