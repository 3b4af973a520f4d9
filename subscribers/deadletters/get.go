package deadletters

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail/subscribers"
)

// ErrNotFound says that there is no such letter, or not any more.
var ErrNotFound = errors.New("no such letter")

// Get returns one letter, in whatever state. stream is that of the dead letters, and id the letter's sequence in it. The error wraps
// [ErrNotFound] or [ErrNoStream].
func Get(ctx context.Context, js jetstream.JetStream, stream string, id uint64) (Letter, error) {
	letter, err := get(ctx, js, stream, id)
	if err != nil {
		return Letter{}, fmt.Errorf("letter %d of %s: %w", id, stream, err)
	}
	return letter, nil
}

func get(ctx context.Context, js jetstream.JetStream, stream string, id uint64) (Letter, error) {
	if err := (Filter{Stream: stream}).Validate(); err != nil {
		return Letter{}, err
	}
	b, err := openBroker(ctx, js, stream)
	if err != nil {
		return Letter{}, err
	}
	letter, err := b.letter(ctx, id)
	if err != nil {
		return Letter{}, err
	}
	consumers := listeners{broker: b}
	letter.Progress, err = consumers.progress(ctx, letter)
	return letter, err
}

// letter returns [ErrNotFound] also for a message of the stream's that stands on subjects of another kind, and so is none of ours.
func (b broker) letter(ctx context.Context, id uint64) (Letter, error) {
	if id == 0 {
		return Letter{}, ErrNotFound
	}
	m, err := b.get(ctx, which{Sequence: id})
	if errors.Is(err, jetstream.ErrMsgNotFound) || err == nil && !isOurs(b.name, m.subject) {
		return Letter{}, ErrNotFound
	}
	if err != nil {
		return Letter{}, err
	}
	return parse(b.name, m), nil
}

func isOurs(stream, subject string) bool {
	prefix := subscribers.DeadLetterPrefix(stream) + "."
	return len(subject) > len(prefix) && subject[:len(prefix)] == prefix
}
