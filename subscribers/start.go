package subscribers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/seek"
)

// Start is where a consumer begins to read its stream. The zero value is the beginning. Values may be compared, and used from several
// goroutines.
type Start struct {
	from     from
	position contrail.Position
	at       time.Time
}

type from int

const (
	fromBeginning from = iota
	fromNew
	fromPosition
	fromTime
)

// FromNew starts behind the stream's last message.
func FromNew() Start { return Start{from: fromNew} }

// FromPosition starts with the first event at or above a position, which is above zero: for a reader that has everything below from
// elsewhere, such as a copy of the event store. An event that the relay published late, out of its order, counts as what it stands behind.
func FromPosition(position contrail.Position) Start {
	return Start{from: fromPosition, position: position}
}

// FromTime starts with the first event that the stream took at or after a time. That is when the relay published it, not when it was appended.
func FromTime(at time.Time) Start { return Start{from: fromTime, at: at} }

// ErrNotYet says that a stream has not come to where one wants to start. What it takes next may still lie before that, so it takes
// waiting: where to start can be told once the stream has come so far.
var ErrNotYet = errors.New("the stream has not come so far yet")

// Sequence returns the sequence, in the JetStream stream, of the first message that Start means: what it takes next, where there is none
// yet. Of the stream's messages those count that are on subject, such as "events.>"; empty: all. Those that are not events of
// Contrail's are passed over by a position.
//
// It asks the stream's leader some twenty times for a million messages. The error wraps [jetstream.ErrStreamNotFound], or [ErrNotYet] for a
// position of which the stream does not even have the one before, and for a time to come.
func (s Start) Sequence(ctx context.Context, js jetstream.JetStream, stream, subject string) (uint64, error) {
	if err := s.validate(); err != nil {
		return 0, err
	}
	open, err := seek.Open(ctx, js, stream, subject)
	if err != nil {
		return 0, fmt.Errorf("start %s: %w", s, err)
	}
	sequence, err := s.sequence(ctx, open)
	if err != nil {
		return 0, fmt.Errorf("start %s of stream %s: %w", s, stream, err)
	}
	return sequence, nil
}

func (s Start) sequence(ctx context.Context, stream *seek.Stream) (uint64, error) {
	switch s.from {
	case fromBeginning:
		return stream.First, nil
	case fromNew:
		return stream.Last + 1, nil
	case fromPosition:
		sequence, reached, err := stream.Position(ctx, s.position)
		if err == nil && sequence > stream.Last && reached+1 < s.position {
			err = fmt.Errorf("%w: its last event is at position %d", ErrNotYet, reached)
		}
		return sequence, err
	case fromTime:
		sequence, err := stream.Time(ctx, s.at)
		if err == nil && sequence > stream.Last && s.at.After(stream.At) {
			err = fmt.Errorf("%w: it is %s there", ErrNotYet, stream.At.Format(time.RFC3339))
		}
		return sequence, err
	}
	return 0, errors.New("it is none of this version's")
}

// validate names what is wrong in the words of Config's field.
func (s Start) validate() error {
	if s.from == fromPosition && s.position < 1 {
		return fmt.Errorf("Start: position %d is not above zero", s.position)
	}
	return nil
}

// String is "at the beginning", "with what is new", "at position 17" or "at 2026-11-21T20:15:04Z".
func (s Start) String() string {
	switch s.from {
	case fromBeginning:
		return "at the beginning"
	case fromNew:
		return "with what is new"
	case fromPosition:
		return fmt.Sprintf("at position %d", s.position)
	case fromTime:
		return "at " + s.at.Format(time.RFC3339Nano)
	}
	return "nowhere"
}
