package publisher

import (
	"context"
	"errors"
	"fmt"

	"github.com/ThreeDotsLabs/watermill/message"
)

// sink is the Watermill publisher at the forwarder's end. Batches arrive in goroutines of their own: they are sent in the order of their
// numbers, and wait for their outcome side by side.
type sink struct {
	to    carrier
	turns *turnstile
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
	b.sent = true
	return nil
}

// watch is the outermost middleware: it notes which batch a middleware of the application's has refused.
func (s *sink) watch(next message.HandlerFunc) message.HandlerFunc {
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
