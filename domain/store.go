package domain

import (
	"context"
	"iter"

	"github.com/contrail-events/contrail"
)

// Transactor runs fn in one transaction: committed when fn returns nil, rolled back otherwise. A conflict found by the commit
// wraps contrail.ErrConflict, too. fn may be called again in another transaction, so what it does outside of tx is done again.
type Transactor interface {
	InTx(ctx context.Context, fn func(ctx context.Context, tx Tx) error) error
}

// Tx is what a service works with within one transaction: the events, and the service's own rows beside them. An error of any of its
// methods ends the transaction, but for a [*ReferenceError].
type Tx interface {
	Store
	Register
	Answers
}

// Store is what a service needs of an event store.
type Store interface {
	// Load yields the stream's events in the order of their versions; none for a stream that is not there. An error is the last
	// yield.
	Load(ctx context.Context, stream contrail.StreamID) iter.Seq2[contrail.Recorded, error]

	// Append writes events after version, the one the stream is expected to be at; 0 for a new stream. It returns them as they
	// stand, or an error that wraps contrail.ErrConflict when the stream is at another version.
	Append(ctx context.Context, stream contrail.StreamID, version int64, events ...contrail.Event) ([]contrail.Recorded, error)
}
