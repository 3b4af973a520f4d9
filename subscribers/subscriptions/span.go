package subscriptions

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail/internal/seek"
)

// span is a stretch of a stream.
type span struct {
	js          jetstream.JetStream
	name        string
	stream      *seek.Stream
	filters     []string // the subjects that count; none: all
	first, last uint64   // sequences
	brief       bool     // the messages' headers are enough
}

// openSpan is all that a stream has on a subject. Of the messages the headers are enough.
func openSpan(ctx context.Context, js jetstream.JetStream, name, subject string) (span, error) {
	stream, err := seek.Open(ctx, js, name, subject)
	if err != nil {
		return span{}, err
	}
	return span{js: js, name: name, stream: stream, filters: []string{subject}, first: stream.First, last: stream.Last, brief: true}, nil
}

const (
	silence = 5 * time.Second // after which it looks whether there is anything left
	ahead   = 500             // messages on their way
)

// messages yields the messages of the span. An error ends the sequence and comes as its last pair. It never waits for a message that is not
// there any more, nor ends before the last one because the server that it reads from lags behind the stream's leader.
func (s span) messages(ctx context.Context) iter.Seq2[jetstream.RawStreamMsg, error] {
	return func(yield func(jetstream.RawStreamMsg, error) bool) {
		if left, err := s.isLeft(ctx, s.first); err != nil || !left {
			if err != nil {
				yield(jetstream.RawStreamMsg{}, err)
			}
			return
		}
		if err := s.read(ctx, yield); err != nil {
			yield(jetstream.RawStreamMsg{}, fmt.Errorf("read stream %s: %w", s.name, err))
		}
	}
}

// read is nil also when nobody wants any more.
func (s span) read(ctx context.Context, yield func(jetstream.RawStreamMsg, error) bool) error {
	consumer, err := s.js.OrderedConsumer(ctx, s.name, jetstream.OrderedConsumerConfig{
		FilterSubjects: s.filters, DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: s.first, HeadersOnly: s.brief,
		InactiveThreshold: time.Minute,
	})
	if err != nil {
		return err //nolint:wrapcheck // messages does
	}
	reading, err := consumer.Messages(jetstream.PullMaxMessages(ahead))
	if err != nil {
		return err //nolint:wrapcheck // messages does
	}
	defer reading.Stop()
	for next := s.first; ; {
		msg, pending, err := s.next(ctx, reading)
		switch {
		case err != nil:
			return err
		case msg != nil && msg.Sequence > s.last:
			return nil
		case msg != nil:
			if next = msg.Sequence + 1; !yield(*msg, nil) {
				return nil
			}
		}
		if pending == 0 {
			if left, err := s.isLeft(ctx, next); err != nil || !left {
				return err
			}
		}
	}
}

// next returns the next message and how many the server says are behind it; or nil and none when none has come for a while.
func (s span) next(ctx context.Context, reading jetstream.MessagesContext) (*jetstream.RawStreamMsg, uint64, error) {
	waiting, cancel := context.WithTimeout(ctx, silence)
	defer cancel()
	msg, err := reading.Next(jetstream.NextContext(waiting))
	if err != nil {
		if ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
			return nil, 0, nil
		}
		return nil, 0, err //nolint:wrapcheck // messages does
	}
	meta, err := msg.Metadata()
	if err != nil {
		return nil, 0, err //nolint:wrapcheck // messages does
	}
	return &jetstream.RawStreamMsg{
		Subject: msg.Subject(), Sequence: meta.Sequence.Stream, Header: msg.Headers(), Data: msg.Data(), Time: meta.Timestamp,
	}, meta.NumPending, nil
}

// isLeft asks the leader whether any message of the span stands at a sequence or behind it.
func (s span) isLeft(ctx context.Context, sequence uint64) (bool, error) {
	filters := s.filters
	if len(filters) == 0 {
		filters = []string{">"}
	}
	for _, filter := range filters {
		message, err := s.stream.On(filter).Next(ctx, max(sequence, 1))
		if err != nil {
			return false, err
		}
		if message != nil && message.Sequence <= s.last {
			return true, nil
		}
	}
	return false, nil
}
