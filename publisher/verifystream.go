package publisher

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	// longestSilence is how long the stream may send nothing while a comparison waits for it.
	longestSilence = 30 * time.Second
	// openingTime is how long the broker may take to answer before it is asked again.
	openingTime = 5 * time.Second
	// readAhead is how many bytes of the stream wait in memory, at most, unless a single message is as large.
	readAhead = 2 << 20
)

// readStream compares every message that the stream holds now.
func (c *comparison) readStream(ctx context.Context, js jetstream.JetStream) error {
	name := c.config.Stream
	stream, err := js.Stream(ctx, name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return &StreamError{Stream: name, Err: ErrForeignStream, Reason: "does not exist", Hint: "start a relay, which creates it"}
	}
	if err != nil {
		return fmt.Errorf("open stream %s: %w", name, translateBroker(err))
	}
	state := stream.CachedInfo().State
	c.lastSequence, c.messages = state.LastSeq, state.Msgs
	if state.Msgs == 0 {
		return nil
	}
	consumer, err := openFromFirst(ctx, js, name)
	if err != nil {
		return fmt.Errorf("read stream %s: %w", name, err)
	}
	messages, err := consumer.Messages(jetstream.PullMaxBytes(max(readAhead, 2*int(js.Conn().MaxPayload()))))
	if err != nil {
		return fmt.Errorf("read stream %s: %w", name, err)
	}
	defer messages.Stop()
	defer context.AfterFunc(ctx, messages.Stop)()
	return c.readMessages(ctx, messages)
}

// openFromFirst makes a consumer of the whole stream. A cluster that has just lost a node, or got it back, may lose the answer, too, and then never
// gives it: so it is asked again, for as long as a comparison is patient. What was made in vain goes by itself.
func openFromFirst(ctx context.Context, js jetstream.JetStream, name string) (jetstream.Consumer, error) {
	patient, cancel := context.WithTimeout(ctx, longestSilence)
	defer cancel()
	for {
		once, cancelOnce := context.WithTimeout(patient, openingTime)
		consumer, err := js.OrderedConsumer(once, name, jetstream.OrderedConsumerConfig{
			DeliverPolicy: jetstream.DeliverAllPolicy, InactiveThreshold: time.Minute,
		})
		cancelOnce()
		if err == nil || patient.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
			return consumer, err //nolint:wrapcheck // readStream wraps it
		}
	}
}

// readMessages ends with the message that was the last when the comparison began or, where that one has been deleted, with the last that is
// there.
func (c *comparison) readMessages(ctx context.Context, messages jetstream.MessagesContext) error {
	for {
		msg, err := messages.Next(jetstream.NextMaxWait(longestSilence))
		if err != nil {
			return fmt.Errorf("read the stream: %w", errors.Join(context.Cause(ctx), err))
		}
		metadata, err := msg.Metadata()
		if err != nil {
			return fmt.Errorf("read the stream: %w", err)
		}
		if metadata.Sequence.Stream > c.lastSequence {
			return nil
		}
		if err := c.see(ctx, msg.Headers(), msg.Data()); err != nil {
			return err
		}
		if metadata.Sequence.Stream == c.lastSequence || metadata.NumPending == 0 {
			return nil
		}
	}
}
