package publisher

import (
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail"
)

// What stops a relay for good. Everything else is retried for ever.
var (
	// ErrForeignWriter says that somebody else publishes into the relay's stream.
	ErrForeignWriter = errors.New("the stream has another writer")
	// ErrForeignStream says that the stream is not the one that this store wrote: it was emptied, replaced or belongs to another store.
	ErrForeignStream = errors.New("the stream is not the one this store wrote")
	// ErrStreamAhead says that the stream holds events that the store does not know: the store was restored from an older backup.
	ErrStreamAhead = errors.New("the stream is ahead of the store")
	// ErrStreamConfig says that the stream's configuration would break a promise.
	ErrStreamConfig = errors.New("the stream's configuration would break a promise")
	// ErrNoJetStream says that the NATS server, or the account on it, has no JetStream.
	ErrNoJetStream = errors.New("the NATS server has no JetStream")
	// ErrConnectionClosed says that the application has closed the NATS connection that the relay was given.
	ErrConnectionClosed = errors.New("the NATS connection is closed")
)

// StreamError says what is wrong with a stream and what to do about it. It wraps one of the sentinels above.
type StreamError struct {
	Stream string
	Reason string // completes the sentence "stream EVENTS …"
	Hint   string // what to do next
	Err    error
}

// Error is one line.
func (e *StreamError) Error() string {
	return fmt.Sprintf("stream %s %s: %s", e.Stream, e.Reason, e.Hint)
}

// Unwrap returns the sentinel.
func (e *StreamError) Unwrap() error { return e.Err }

// RefusedError says that the broker refuses one event and always will. The relay stops in front of it, since going on would leave a
// gap.
type RefusedError struct {
	Position contrail.Position
	Stream   contrail.StreamID
	Version  int64
	Bytes    int // of the message
	Err      error
}

// Error names the event and the broker's reason.
func (e *RefusedError) Error() string {
	return fmt.Sprintf("event at position %d (%s, version %d, a message of %d bytes) is refused by the broker: %v; raise the limit that it names",
		e.Position, e.Stream, e.Version, e.Bytes, e.Err)
}

// Unwrap returns the broker's reason.
func (e *RefusedError) Unwrap() error { return e.Err }

// errFenced says that the broker was not at the sequence that a message should follow: somebody else was there first, or something
// was lost on the way. The cure is to ask the broker where it is.
var errFenced = errors.New("fenced by the broker")

const (
	codeWrongLastSequence = 10071
	codeMessageTooLarge   = 10054
)

// isFenced tells whether the broker refused a message because of its expected last sequence.
func isFenced(err error) bool {
	api, ok := errors.AsType[*jetstream.APIError](err)
	return errors.Is(err, errFenced) || ok && api.ErrorCode == codeWrongLastSequence
}

// isRefusal tells whether the broker will never take this message, however often it is sent.
func isRefusal(err error) bool {
	api, ok := errors.AsType[*jetstream.APIError](err)
	return errors.Is(err, nats.ErrMaxPayload) || ok && api.ErrorCode == codeMessageTooLarge
}

// hinted says what to do where statements that a driver has prepared are unknown to the server, or known to it by another's text.
func hinted(err error) error {
	refusal, ok := errors.AsType[*pgconn.PgError](err)
	if ok && slices.Contains([]string{"26000", "42P05", "08P01"}, refusal.Code) {
		return fmt.Errorf("%w; where a proxy pools transactions, add default_query_exec_mode=exec to the database's URL", err)
	}
	return err
}
