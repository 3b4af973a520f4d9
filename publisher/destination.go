package publisher

import "context"

// destination is where a relay publishes to: a JetStream stream that is the relay's own, one that it shares, or any Watermill publisher.
type destination interface {
	// resume returns where the destination is, given what the ledger recorded, after it has put the ledger right.
	resume(ctx context.Context, l *lead, recorded cursor) (cursor, error)
	// carrier publishes a session's batches behind at.
	carrier(l *lead, at cursor) carrier
	// watch returns a context that ends with errTouched when the destination is not what it was, and the function that must be called at its end.
	watch(ctx context.Context, l *lead, at cursor) (context.Context, func())
}

// carrier publishes batches, one after another.
type carrier interface {
	// send hands a batch on, and returns the function that waits for its outcome and sets the batch's sequences. Both may fail, and an error leaves open what
	// was stored. The function must be called also when send has failed, so that nothing is on its way when the relay asks where it is.
	send(ctx context.Context, b *batch) (settle func(context.Context) error, err error)
	// close ends what the session has needed.
	close()
}
