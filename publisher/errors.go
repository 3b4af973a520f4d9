package publisher

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/publisher/parked"
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
	// ErrForbidden says that the user of the database lacks a right that the relay works with. Waiting for it would keep others from leading.
	ErrForbidden = errors.New("the relay's user lacks a right in the database")
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

// RefusedError says that one event was refused: by the broker, by its own names, or by a middleware. Unless Config.OnPermanent is [Halt], the
// event is parked; otherwise the relay stops in front of it, since going on would leave a gap.
type RefusedError struct {
	Position contrail.Position
	Stream   contrail.StreamID
	Version  int64
	Bytes    int           // of the message; 0 where none was made
	Reason   parked.Reason // why, in a word
	Err      error         // what was answered
}

// Error names the event and what was answered.
func (e *RefusedError) Error() string {
	size, cure := "", ""
	if e.Bytes > 0 {
		size = fmt.Sprintf(", a message of %d bytes", e.Bytes)
	}
	if e.Reason == parked.ReasonMessageTooLarge {
		cure = "; raise the limit that it names"
	}
	return fmt.Sprintf("event at position %d (%s, version %d%s) is refused: %v%s", e.Position, e.Stream, e.Version, size, e.Err, cure)
}

// Unwrap returns what was answered.
func (e *RefusedError) Unwrap() error { return e.Err }

// refusedBy makes a refusal of an error that names no event.
func refusedBy(event contrail.Recorded, err error) *RefusedError {
	return &RefusedError{Position: event.Position, Stream: event.Stream, Version: event.Version, Reason: parked.ReasonRefused, Err: err}
}

// haltError is a refusal that stops the relay.
type haltError struct{ *RefusedError }

// Unwrap returns the refusal.
func (e haltError) Unwrap() error { return e.RefusedError }

// errFenced says that the broker was not at the sequence that a message should follow: somebody else was there first, or something
// was lost on the way. The cure is to ask the broker where it is.
var errFenced = errors.New("fenced by the broker")

// Codes of the server's errors (server/errors.json of nats-server).
const (
	codeAccountFull        = 10002 // this one and the next are called bad requests, and are lack of room
	codeAccountFullTier    = 10120
	codeSealed             = 10109 // the stream, which is for whoever looks at its configuration to tell
	codeNotMatched         = 10060 // the message expects another stream
	codeWrongLastSequence  = 10071
	codeWrongLastSequence2 = 10164 // likewise, while another message is on its way
	codeMessageTooLarge    = 10054
	codeHeaderTooLarge     = 10097
)

// isFenced tells whether the broker refused a message because of its expected last sequence.
func isFenced(err error) bool {
	api, ok := errors.AsType[*jetstream.APIError](err)
	return errors.Is(err, errFenced) || ok && (api.ErrorCode == codeWrongLastSequence || api.ErrorCode == codeWrongLastSequence2)
}

// refusalReason tells why the broker will never take this message, however often it is sent; "" when it may yet. What the server calls a bad request is
// the message's fault; unavailability, missing streams and lack of room are not.
func refusalReason(err error) parked.Reason {
	if errors.Is(err, nats.ErrMaxPayload) {
		return parked.ReasonMessageTooLarge
	}
	if errors.Is(err, nats.ErrBadSubject) || errors.Is(err, contrail.ErrInvalid) {
		return parked.ReasonInvalidSubject
	}
	api, ok := errors.AsType[*jetstream.APIError](err)
	switch {
	case !ok || isFenced(err),
		slices.Contains([]jetstream.ErrorCode{codeNotMatched, codeAccountFull, codeAccountFullTier, codeSealed}, api.ErrorCode):
		return ""
	case api.ErrorCode == codeMessageTooLarge || api.ErrorCode == codeHeaderTooLarge:
		return parked.ReasonMessageTooLarge
	case api.Code == http.StatusBadRequest:
		return parked.ReasonRefused
	}
	return ""
}

// forbidden is err, told as what it is where it is about a right.
func forbidden(err error) error {
	if refusal, ok := errors.AsType[*pgconn.PgError](err); ok && refusal.Code == "42501" {
		return fmt.Errorf("%w: %w: make it a member of contrail_relay (contrail migrate roles)", ErrForbidden, err)
	}
	return err
}

// isFinal tells whether no retry cures err.
func isFinal(err error) bool {
	_, stream := errors.AsType[*StreamError](err)
	_, halted := errors.AsType[haltError](err)
	return stream || halted || slices.ContainsFunc([]error{
		ErrConnectionClosed, eventstore.ErrTooOld, eventstore.ErrStandby, eventstore.ErrNotMigrated, eventstore.ErrMigratedByNewer,
		eventstore.ErrSequence, eventstore.ErrPooled, ErrForbidden,
	}, func(final error) bool { return errors.Is(err, final) })
}

// hinted says what to do where statements that a driver has prepared are unknown to the server, or known to it by another's text.
func hinted(err error) error {
	refusal, ok := errors.AsType[*pgconn.PgError](err)
	if ok && slices.Contains([]string{"26000", "42P05", "08P01"}, refusal.Code) {
		return fmt.Errorf("%w; where a proxy pools transactions, add default_query_exec_mode=exec to the database's URL", err)
	}
	return err
}
