package wmjetstream

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail"
)

// What can be wrong with a Publish, beside what the broker says in its own words ([*jetstream.APIError]).
var (
	// ErrClosed says that the publisher is closed.
	ErrClosed = errors.New("the publisher is closed")
	// ErrNoStream says that no stream takes the subject.
	ErrNoStream = errors.New("no stream takes the subject")
	// ErrNoJetStream says that the NATS server, or the account on it, has no JetStream.
	ErrNoJetStream = errors.New("the NATS server has no JetStream")
	// ErrTooLarge says that a message is larger than the server or the stream takes. It is permanent ([contrail.IsPermanent]).
	ErrTooLarge = errors.New("the message is too large")
	// ErrConnectionClosed says that the application has closed the connection that the publisher was given.
	ErrConnectionClosed = errors.New("the NATS connection is closed")
	// ErrUnknown says that a message was sent, but the broker's answer did not come: it may be stored.
	ErrUnknown = errors.New("the outcome is unknown")
)

// Error codes of the server that jetstream has no names for.
const (
	codeHeaderTooLarge = 10097
	codeInProcess      = 10158 // a message of the same id is just being stored, or not
)

// PublishError says how far a Publish came and what stopped it.
type PublishError struct {
	Topic    string
	Messages int // how many Publish was given

	Published int // how many of them the broker has acknowledged
	Unknown   int // how many were sent without an answer: they may be stored

	// Failed is the index of the first message that is not known to be stored; all before it are. UUID and Subject are that message's,
	// and Err is what became of it. Subject is "" where the message could not be made.
	Failed  int
	UUID    string
	Subject string
	Err     error
}

// Error is one line: which message, why, and how many are stored.
func (e *PublishError) Error() string {
	var line strings.Builder
	fmt.Fprintf(&line, "publish to topic %s: message %d of %d (%s", e.Topic, e.Failed+1, e.Messages, e.UUID)
	if e.Subject != "" && e.Subject != e.Topic {
		fmt.Fprintf(&line, ", subject %s", e.Subject)
	}
	fmt.Fprintf(&line, "): %v; stored: %d", e.Err, e.Published)
	if e.Unknown > 0 {
		fmt.Fprintf(&line, ", unknown: %d", e.Unknown)
	}
	return line.String()
}

// Unwrap returns Err.
func (e *PublishError) Unwrap() error { return e.Err }

// isUnknown tells whether a message that was sent may be stored all the same. Nearly everything that the broker itself says is an answer.
func isUnknown(err error) bool {
	if api, answered := errors.AsType[*jetstream.APIError](err); answered {
		return api.ErrorCode == codeInProcess
	}
	return !errors.Is(err, jetstream.ErrNoStreamResponse)
}

// explain says what to do about an error of the client or the broker. It asks the broker where its silence may have several reasons.
func (p *Publisher) explain(ctx context.Context, msg *nats.Msg, err error) error {
	api, _ := errors.AsType[*jetstream.APIError](err)
	switch {
	case errors.Is(err, jetstream.ErrNoStreamResponse):
		return p.explainNobody(ctx, msg.Subject)
	case errors.Is(err, nats.ErrMaxPayload):
		return contrail.Permanent(fmt.Errorf("%w: it has about %d bytes with its headers, the server takes %d: make it smaller, or raise max_payload: %w",
			ErrTooLarge, msg.Size(), p.js.Conn().MaxPayload(), err))
	case api != nil && api.ErrorCode == jetstream.JSErrCodeStreamMessageExceedsMaximum:
		return contrail.Permanent(fmt.Errorf("%w: it has about %d bytes with its headers: make it smaller, or raise the stream's MaxMsgSize: %w",
			ErrTooLarge, msg.Size(), err))
	case api != nil && api.ErrorCode == codeHeaderTooLarge:
		return contrail.Permanent(fmt.Errorf("%w: move metadata into the payload: %w", ErrTooLarge, err))
	case api != nil:
		return fmt.Errorf("refused by the broker: %w", err)
	case errors.Is(err, nats.ErrConnectionClosed), errors.Is(err, nats.ErrConnectionDraining):
		return fmt.Errorf("%w: close it after the publisher: %w", ErrConnectionClosed, err)
	case errors.Is(err, jetstream.ErrTooManyStalledMsgs):
		return fmt.Errorf("the broker keeps up with too few of the messages on their way: publish again, or publish less at once: %w", err)
	}
	return err
}

// explainNobody finds out why nobody answers on a subject, unless that takes long: a broker that is going away does not answer this either.
func (p *Publisher) explainNobody(ctx context.Context, subject string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	name, err := streamOf(ctx, p.js, subject)
	switch {
	case err == nil:
		return fmt.Errorf("stream %s does not answer, as while it has no leader: publish again: %w", name, jetstream.ErrNoStreamResponse)
	case errors.Is(err, jetstream.ErrStreamNotFound):
		return fmt.Errorf("%w %s: create one, or set wmjetstream.Config.Provision", ErrNoStream, subject)
	case errors.Is(err, ErrNoJetStream):
		return err
	}
	return fmt.Errorf("nobody answers: publish again: %w; %w", jetstream.ErrNoStreamResponse, err)
}

// streamOf is the stream that takes the subject.
func streamOf(ctx context.Context, js jetstream.JetStream, subject string) (string, error) {
	name, err := js.StreamNameBySubject(ctx, subject)
	switch {
	case err == nil:
		return name, nil
	case errors.Is(err, jetstream.ErrJetStreamNotEnabled), errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount),
		errors.Is(err, nats.ErrNoResponders):
		return "", fmt.Errorf("%w: start nats-server with -js: %w", ErrNoJetStream, err)
	}
	return "", fmt.Errorf("look up the stream of subject %s: %w", subject, err)
}
