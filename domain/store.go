package domain

import (
	"context"
	"iter"

	"github.com/contrail-events/contrail"
)

// Store is what a service needs of an event store, within one transaction.
type Store interface {
	// Load yields the stream's events in the order of their versions; none for a stream that is not there. An error is the last
	// yield.
	Load(ctx context.Context, stream contrail.StreamID) iter.Seq2[contrail.Recorded, error]

	// Append writes events after version, the one the stream is expected to be at; 0 for a new stream. It returns them as they
	// stand, or an error that wraps contrail.ErrConflict when the stream is at another version.
	Append(ctx context.Context, stream contrail.StreamID, version int64, events ...contrail.Event) ([]contrail.Recorded, error)
}

// Transactor runs fn in one transaction: committed when fn returns nil, rolled back otherwise. A conflict found by the commit
// wraps contrail.ErrConflict, too. fn may be called again in another transaction, so what it does outside the store is done
// again.
type Transactor interface {
	InTx(ctx context.Context, fn func(ctx context.Context, store Store) error) error
}
