package publisher

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
)

// sink is the Watermill publisher at the forwarder's end. Batches arrive in goroutines of their own: they are sent in the order of their
// numbers, and wait for their outcome side by side.
type sink struct {
	to        carrier
	turns     *turnstile
	telemetry *telemetry
}

// Publish publishes the batches in the messages' contexts; the topic is not used, since each event has a subject of its own. Any error
// leaves open what was stored.
func (s *sink) Publish(_ string, messages ...*message.Message) error {
	for _, msg := range messages {
		b := batchOf(msg)
		if b == nil {
			return fmt.Errorf("message %s carries no batch of events", msg.UUID)
		}
		if err := s.publish(msg.Context(), b); err != nil {
			return err
		}
	}
	return nil
}

// Close does nothing: the connection is the application's.
func (s *sink) Close() error { return nil }

func (s *sink) publish(ctx context.Context, b *batch) error {
	if err := s.turns.wait(b.number); err != nil {
		s.turns.stop(err)
		return err
	}
	settle, err := s.to.send(ctx, b)
	if err == nil {
		s.turns.next()
	} else {
		err = &batchError{b, err}
		s.turns.stop(err)
	}
	if unsettled := settle(ctx); err == nil && unsettled != nil {
		err = &batchError{b, unsettled}
	}
	if err != nil {
		s.turns.stop(err)
		return err
	}
	b.sent, b.acknowledged = true, time.Now()
	return nil
}

// watch is the outermost middleware: it times each batch, and notes which one a middleware of the application's has refused.
func (s *sink) watch(next message.HandlerFunc) message.HandlerFunc {
	next = s.blame(next)
	return func(msg *message.Message) (produced []*message.Message, err error) {
		ctx, ended := s.telemetry.began(msg.Context(), batchOf(msg))
		msg.SetContext(ctx)
		err = errPanicked
		defer func() { ended(err) }()
		produced, err = next(msg)
		return produced, err
	}
}

// errPanicked says of a batch that a middleware has panicked; Watermill's router takes that for an error.
var errPanicked = errors.New("a middleware has panicked")

func (s *sink) blame(next message.HandlerFunc) message.HandlerFunc {
	return func(msg *message.Message) ([]*message.Message, error) {
		produced, err := next(msg)
		if err == nil {
			return produced, nil
		}
		if _, known := errors.AsType[*batchError](err); !known {
			if b := batchOf(msg); b != nil {
				err = &batchError{b, err}
			}
		}
		s.turns.stop(err)
		return produced, err
	}
}
