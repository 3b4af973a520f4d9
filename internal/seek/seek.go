// Package seek finds messages in a JetStream stream: the one with a sequence or the next, the first at a position, the first at a time. It asks
// the stream's leader alone, since what a replica answers to a direct get may be stale, and a message that it lacks would be passed over.
package seek

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/wire"
)

// Stream is a stream as it was when it was opened: what has come since does not count. It may be used from several goroutines.
type Stream struct {
	First uint64    // the sequence of the first message that the stream has, or will have
	Last  uint64    // that of the last message it ever had; below First: it has none
	At    time.Time // the server's time

	js      jetstream.JetStream
	name    string
	subject string
}

// Open looks at a stream. Of its messages only those count that subject matches; empty: all. The error wraps
// [jetstream.ErrStreamNotFound].
func Open(ctx context.Context, js jetstream.JetStream, name, subject string) (*Stream, error) {
	stream, err := js.Stream(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("look up stream %s: %w", name, err)
	}
	if subject == "" {
		subject = ">"
	}
	info := stream.CachedInfo()
	return &Stream{
		First: max(info.State.FirstSeq, 1), Last: info.State.LastSeq, At: info.TimeStamp, js: js, name: name, subject: subject,
	}, nil
}

// On is the same stream, of whose messages only those count that subject matches.
func (s *Stream) On(subject string) *Stream {
	other := *s
	other.subject = subject
	return &other
}

// Time returns the sequence of the first message that the stream took at or after a time, and one behind the last if there is none. It takes
// some log₂ n requests.
func (s *Stream) Time(ctx context.Context, at time.Time) (uint64, error) {
	found, _, err := s.search(ctx, func(message Message) (reached, tells bool) { return !message.Time.Before(at), true })
	return found, err
}

// Position returns the sequence of the first event at or above a position, and one behind the last if there is none; then reached is how
// far the stream has come, zero if it holds no event. A message that stands out of its order counts as what it stands behind. It takes
// some log₂ n requests, and one for each message passed over that is not an event of Contrail's.
func (s *Stream) Position(ctx context.Context, position contrail.Position) (sequence uint64, reached contrail.Position, err error) {
	found, before, err := s.search(ctx, func(message Message) (bool, bool) {
		at, ours := message.Place()
		return at >= position, ours
	})
	if before != nil {
		reached, _ = before.Place()
	}
	return found, reached, err
}

// Event returns the first event at or behind a sequence, which is above zero, and its message; nil: there is none. It takes one request, and
// one more for each message passed over that is not an event of Contrail's.
func (s *Stream) Event(ctx context.Context, sequence uint64) (*Message, wire.Message, error) {
	var event wire.Message
	message, _, err := s.next(ctx, sequence, s.Last+1, func(message Message) (reached, tells bool) {
		var err error
		event, err = wire.DecodeMessage(message.Header, message.Data)
		return true, err == nil
	})
	return message, event, err
}

// search returns the sequence of the first message that has reached something, and the last one before it that has not. All behind one that has
// reached it have, too. Messages that tell nothing are passed over, none of them twice.
func (s *Stream) search(ctx context.Context, judge func(Message) (reached, tells bool)) (found uint64, before *Message, err error) {
	low, high := s.First, s.Last+1
	found = max(low, high)
	for low < high {
		middle := low + (high-low)/2
		message, reached, err := s.next(ctx, middle, high, judge)
		switch {
		case err != nil:
			return 0, nil, err
		case message == nil:
			high = middle
		case reached:
			found, high = message.Sequence, middle
		default:
			before, low = message, message.Sequence+1
		}
	}
	return found, before, nil
}

// next returns the first message from low to below high that tells something, nil if there is none.
func (s *Stream) next(
	ctx context.Context, low, high uint64, judge func(Message) (reached, tells bool),
) (message *Message, reached bool, err error) {
	for low < high {
		message, err := s.Next(ctx, low)
		if err != nil || message == nil || message.Sequence >= high {
			return nil, false, err
		}
		if reached, tells := judge(*message); tells {
			return message, reached, nil
		}
		low = message.Sequence + 1
	}
	return nil, false, nil
}

// Message is one of a stream's.
type Message struct {
	jetstream.RawStreamMsg
}

// Place is how far the stream has come with a message: the event's position or, of one that stands out of its order, that of the
// event it stands behind. False: it is not an event of Contrail's.
func (m Message) Place() (contrail.Position, bool) {
	event, err := wire.DecodeMessage(m.Header, m.Data)
	switch {
	case err != nil:
		return 0, false
	case event.Resent != "":
		return event.After, true
	}
	return event.Position, true
}
