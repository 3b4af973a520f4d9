package publisher

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/wire"
)

// sink is the Watermill publisher at the forwarder's end. It publishes a batch without waiting between its messages, each fenced by
// the sequence it must follow, and returns when all are acknowledged. Batches arrive in goroutines of their own: they are sent in the
// order of their numbers, and wait for their acknowledgements side by side.
type sink struct {
	js     jetstream.JetStream
	prefix string
	source string
	turns  *turnstile
	hook   func(point string)

	sequence uint64 // of the last message sent; touched only by whose turn it is
}

// contentType is shared by all messages; nats.go only reads it.
var contentType = []string{wire.ContentType} //nolint:gochecknoglobals // a constant, but for the language

// The client must not send a refused message again on its own, since later ones have overtaken it by then.
func publishOptions(stall time.Duration) []jetstream.PublishOpt {
	return []jetstream.PublishOpt{jetstream.WithRetryAttempts(0), jetstream.WithStallWait(stall)}
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
	after := s.sequence
	futures, err := s.send(b)
	if err == nil {
		s.turns.next()
	} else {
		s.turns.stop(err)
	}
	if unacknowledged := s.awaitAll(ctx, b, futures, after); err == nil {
		err = unacknowledged
	}
	if err != nil {
		s.turns.stop(err)
		return err
	}
	b.sequence = after + uint64(len(futures))
	return nil
}

// awaitAll waits for every outcome, also behind an error, so that nothing is on its way when the relay asks the broker where it is. It
// returns the first error.
func (s *sink) awaitAll(ctx context.Context, b *batch, futures []jetstream.PubAckFuture, after uint64) error {
	var first error
	for i, future := range futures {
		if err := s.await(ctx, future, after+uint64(i)+1); err != nil && first == nil {
			first = explain(b.events[i], future.Msg(), err)
		}
	}
	return first
}

// send hands the whole batch to the client, or what comes before an event that can't be sent. Payloads share one buffer and headers one array: a thousand small allocations less.
func (s *sink) send(b *batch) ([]jetstream.PubAckFuture, error) {
	futures := make([]jetstream.PubAckFuture, len(b.events))
	payloads := make([]byte, 0, payloadSize(b.events))
	values := make([]string, 2*len(b.events))
	options := publishOptions(time.Minute)
	for i, event := range b.events {
		if i == len(b.events)/2 {
			s.hook("in mid-batch")
		}
		start := len(payloads)
		payloads = wire.Append(payloads, s.source, event)
		header := values[2*i : 2*i+2 : 2*i+2]
		header[0], header[1] = event.ID.String(), strconv.FormatUint(s.sequence, 10)
		msg := &nats.Msg{
			Subject: wire.Subject(s.prefix, event),
			Data:    payloads[start:len(payloads):len(payloads)],
			Header:  nats.Header{wire.HeaderMsgID: header[:1:1], wire.HeaderFence: header[1:], wire.HeaderContentType: contentType},
		}
		if trace := event.Metadata[contrail.KeyTraceparent]; isTraceparent(trace) {
			msg.Header[wire.HeaderTraceparent] = []string{trace}
		}
		future, err := s.js.PublishMsgAsync(msg, options...)
		if err != nil {
			return futures[:i], explain(event, msg, err)
		}
		futures[i] = future
		s.sequence++
	}
	return futures, nil
}

func payloadSize(events []contrail.Recorded) int {
	const envelope = 512
	size := 0
	for _, event := range events {
		size += len(event.Data) + envelope
	}
	return size
}

// await waits for one acknowledgement, which must name the very sequence that was meant. A duplicate at that sequence is the same
// event, stored by an earlier try.
func (s *sink) await(ctx context.Context, future jetstream.PubAckFuture, sequence uint64) error {
	select {
	case ack := <-future.Ok():
		if ack.Sequence != sequence {
			return fmt.Errorf("%w: acknowledged as message %d instead of %d", errFenced, ack.Sequence, sequence)
		}
		return nil
	case err := <-future.Err():
		return err
	case <-ctx.Done():
		return context.Cause(ctx) //nolint:wrapcheck // publish explains it
	}
}

// explain names the event that an error is about.
func explain(event contrail.Recorded, msg *nats.Msg, err error) error {
	if isRefusal(err) {
		return &RefusedError{Position: event.Position, Stream: event.Stream, Version: event.Version, Bytes: msg.Size(), Err: err}
	}
	if isFenced(err) && !errors.Is(err, errFenced) {
		err = fmt.Errorf("%w: %w", errFenced, err)
	}
	return fmt.Errorf("publish position %d: %w", event.Position, translateBroker(err))
}

// isTraceparent keeps what is no W3C trace context, a line break say, out of the headers.
func isTraceparent(s string) bool {
	if len(s) != 55 || s[2] != '-' || s[35] != '-' || s[52] != '-' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
