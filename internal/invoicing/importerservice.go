package invoicing

import (
	"context"
	"time"
)

// Service is the invoicing service as an import needs it, for one tenant and user: in this process ([Local]), or behind HTTP ([Client]). It is used
// by several goroutines at once.
//
// What the service refuses is a [*LineError] that names the posting's own field and no line. What may go well when it is tried again is an
// [*UnavailableError]; whether a Create that has ended so has done anything is not known, and need not be.
type Service interface {
	// Create makes what is posted. The error wraps domain.ErrReferenceTaken or domain.ErrKeyReused when there is, or was, one with its reference.
	Create(ctx context.Context, posting Posting) (Made, error)

	// Find returns what has a reference, as it is now, also when it is deleted. The error wraps domain.ErrNotFound when nothing has it.
	Find(ctx context.Context, kind, reference string) (Found, error)

	// First returns it as it was made.
	First(ctx context.Context, kind, id string) (Found, error)
}

// Made is what came of a posting.
type Made struct {
	ID       string
	Repeated bool // the service had made it before, for the same posting
}

// Found is what is there.
type Found struct {
	ID      string
	Deleted bool
	Posting Posting // that which would have made it
}

// UnavailableError says that a service can't answer at the moment.
type UnavailableError struct {
	After time.Duration // how long the service asks to be left alone; 0: it does not say
	Err   error         // why
}

// Error is the reason.
func (e *UnavailableError) Error() string { return e.Err.Error() }

// Unwrap returns the reason.
func (e *UnavailableError) Unwrap() error { return e.Err }
