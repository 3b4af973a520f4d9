package erasure

import (
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/contrail-events/contrail"
)

// ErrNoKEK says that a key is encrypted with a key-encryption key that is not configured. Every [*NoKEKError] wraps it.
var ErrNoKEK = errors.New("the key-encryption key is not configured")

// NoKEKError names the key-encryption key that is missing. Nothing is lost: configure it, and what failed works.
type NoKEKError struct {
	ID string
}

// Error says what to do.
func (e *NoKEKError) Error() string {
	return fmt.Sprintf("key-encryption key %q is not configured; add it behind the first one (CONTRAIL_KEYS, erasure.NewKeyring)", e.ID)
}

// Unwrap returns [ErrNoKEK].
func (e *NoKEKError) Unwrap() error { return ErrNoKEK }

// CorruptError says that encrypted data, or an encrypted key, is not what was written: it was altered, moved to another event or another
// person, or a key-encryption key is not the one that its id stands for.
type CorruptError struct {
	Event  uuid.UUID         // whose data can't be read; the zero id when it is about a key alone
	Stream contrail.StreamID // the event's
	Key    string            // the id of the key; empty when it is not known
	Reason string
}

// Error names the event, or the key.
func (e *CorruptError) Error() string {
	what := "key " + e.Key
	if e.Event != uuid.Nil {
		what = fmt.Sprintf("event %s of stream %s, encrypted with key %s", e.Event, e.Stream, e.Key)
	}
	return what + ": " + e.Reason
}

// about says whose key could not be unwrapped. What is corrupt, no retry will cure.
func about(event contrail.Recorded, err error) error {
	if corrupt, ok := errors.AsType[*CorruptError](err); ok {
		return contrail.Permanent(&CorruptError{Event: event.ID, Stream: event.Stream, Key: corrupt.Key, Reason: corrupt.Reason})
	}
	return fmt.Errorf("open event %s of stream %s: %w", event.ID, event.Stream, err)
}
