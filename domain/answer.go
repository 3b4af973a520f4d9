package domain

import (
	"context"

	"github.com/contrail-events/contrail"
)

// Answers keeps what commands with an idempotency key led to, in the transaction of the command.
type Answers interface {
	// Answer returns what is kept for a tenant's key, and whether there is anything.
	Answer(ctx context.Context, tenantID, key string) (Answer, bool, error)

	// Keep keeps an answer. The error wraps contrail.ErrConflict when one is kept already, also by a transaction that was under way and
	// was waited for.
	Keep(ctx context.Context, answer Answer) error
}

// Answer says which events a command led to. They are read back from their stream.
type Answer struct {
	TenantID    string
	Key         string
	Fingerprint Fingerprint
	Stream      contrail.StreamID
	First, Last int64 // versions of the events
}

// Fingerprint is the SHA-256 of a command and its arguments, without what the clock says.
type Fingerprint [32]byte
