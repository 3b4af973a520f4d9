package deliveries

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/seek"
	"github.com/contrail-events/contrail/internal/wire"
)

// Opener makes events readable whose data is encrypted, as the Keys of package eventstore/erasure do. It is used from several goroutines.
type Opener interface {
	// Open decrypts the data of those events that are Sealed, in place, or marks them Erased. An error that is marked with [contrail.Permanent]
	// means that an event cannot be read, now or later: its deliveries are cancelled. After any other they wait, and no attempt is used up.
	Open(ctx context.Context, events []contrail.Recorded) error
}

// Ref names an event to read back.
type Ref struct {
	ID       uuid.UUID
	Position contrail.Position // in its store
	Sequence uint64            // in the JetStream stream; 0: not known
}

// Reader reads events back. It is used from several goroutines.
type Reader interface {
	// Read returns the event, Sealed. An error that is marked with [contrail.Permanent] means that it is gone: its deliveries are cancelled. After
	// any other they wait, and no attempt is used up.
	Read(ctx context.Context, ref Ref) (Event, error)
}

// Stream reads events back from a JetStream stream that a relay publishes to, wherever in it they stand.
func Stream(js jetstream.JetStream, name string) Reader { return streamReader{js, name} }

type streamReader struct {
	js   jetstream.JetStream
	name string
}

// Read looks at the sequence, which may be another event's in a stream that was made anew, and then for the position.
func (r streamReader) Read(ctx context.Context, ref Ref) (Event, error) {
	stream, err := seek.Open(ctx, r.js, r.name, "")
	if err != nil {
		return Event{}, err
	}
	if ref.Sequence > 0 {
		message, err := stream.Get(ctx, ref.Sequence)
		if event, is := r.is(message, ref); is || err != nil {
			return event, err
		}
	}
	sequence, reached, err := stream.Position(ctx, ref.Position)
	if err != nil {
		return Event{}, err
	}
	if sequence > stream.Last && reached < ref.Position {
		return Event{}, fmt.Errorf("stream %s has come to position %d only, and event %s is at %d", r.name, reached, ref.ID, ref.Position)
	}
	message, err := stream.Next(ctx, max(sequence, 1))
	if err != nil {
		return Event{}, err
	}
	if event, is := r.is(message, ref); is {
		return event, nil
	}
	return Event{}, contrail.Permanent(fmt.Errorf("event %s is not in stream %s any more", ref.ID, r.name))
}

// is tells whether a message is the event.
func (streamReader) is(message *seek.Message, ref Ref) (Event, bool) {
	if message == nil {
		return Event{}, false
	}
	event, err := wire.DecodeMessage(message.Header, message.Data)
	if err != nil || event.ID != ref.ID {
		return Event{}, false
	}
	return Event{Recorded: event.Recorded, Source: event.Source, Sequence: message.Sequence}, true
}
