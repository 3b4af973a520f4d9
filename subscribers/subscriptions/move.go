package subscriptions

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/seek"
)

// patience is how long the broker may take for an answer. One that does not know resets gives none.
const patience = 10 * time.Second

// move resets the consumer.
func (r *resetting) move(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errNoAnswer)
	defer cancel()
	_, err := r.js.ResetConsumerToSequence(ctx, r.name.Stream, r.name.Durable, r.done.Sequence)
	if errors.Is(err, jetstream.ErrConsumerInvalidReset) {
		return r.remake(ctx)
	}
	if err != nil && errors.Is(context.Cause(ctx), errNoAnswer) {
		return errNoAnswer
	}
	return err //nolint:wrapcheck // Reset does
}

// errNoAnswer says that nobody has answered.
var errNoAnswer = errors.New("the broker does not answer")

// remakes is how often a consumer is made anew: a process that runs may be as quick, and make it where its own Config says.
const remakes = 5

// remake deletes the consumer and makes it anew where it shall go on, paused as it is.
func (r *resetting) remake(ctx context.Context) error {
	info, err := r.consumer.Info(ctx)
	if err != nil {
		return err //nolint:wrapcheck // Reset does
	}
	config := info.Config
	config.DeliverPolicy, config.OptStartSeq, config.OptStartTime = jetstream.DeliverByStartSequencePolicy, r.done.Sequence, nil
	if r.done.Sequence <= 1 {
		config.DeliverPolicy, config.OptStartSeq = jetstream.DeliverAllPolicy, 0
	}
	for range remakes {
		if err = r.js.DeleteConsumer(ctx, r.name.Stream, r.name.Durable); err != nil && !isNotFound(err) {
			return fmt.Errorf("delete it, to make it anew: %w", err)
		}
		if _, err = r.js.CreateConsumer(ctx, r.name.Stream, config); !errors.Is(err, jetstream.ErrConsumerExists) {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("make it anew: %w; its processes make it where they start; reset it again", err)
	}
	return nil
}

// widest is a subject that matches all events of a stream that others may share: "events.>" for "events.invoice.>". Empty: all.
func widest(filters []string) string {
	first := ""
	for _, filter := range filters {
		token, _, _ := strings.Cut(filter, ".")
		if token == "*" || token == ">" || first != "" && token != first {
			return ""
		}
		first = token
	}
	if first == "" {
		return ""
	}
	return first + ".>"
}

// firstPosition is that of the first event in its order at or behind a sequence; zero: there is none.
func firstPosition(ctx context.Context, js jetstream.JetStream, stream, subject string, sequence uint64) (contrail.Position, error) {
	open, err := seek.Open(ctx, js, stream, subject)
	if err != nil {
		return 0, err
	}
	message, event, err := open.Event(ctx, sequence)
	switch {
	case err != nil || message == nil:
		return 0, err
	case event.Resent != "":
		return event.After + 1, nil
	}
	return event.Position, nil
}
