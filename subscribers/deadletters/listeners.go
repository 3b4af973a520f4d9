package deadletters

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail/subscribers"
)

// listeners are the consumers of what is requeued, as they are when they are first asked for.
type listeners struct {
	broker

	known map[string]*jetstream.ConsumerInfo // nil: there is none of that name
}

// of returns nil unless a subscription of that name has made its consumer.
func (l *listeners) of(ctx context.Context, name string) (*jetstream.ConsumerInfo, error) {
	if info, known := l.known[name]; known {
		return info, nil
	}
	consumer, err := l.stream.Consumer(ctx, name)
	var info *jetstream.ConsumerInfo
	switch {
	case err == nil:
		info = consumer.CachedInfo()
	case !errors.Is(err, jetstream.ErrConsumerNotFound):
		return nil, fmt.Errorf("look up consumer %s of stream %s: %w", name, l.name, err)
	}
	subject := subscribers.RequeueSubject(l.name, name)
	if info != nil && info.Config.FilterSubject != subject && !slices.Contains(info.Config.FilterSubjects, subject) {
		info = nil // it is another's, and about something else
	}
	if l.known == nil {
		l.known = map[string]*jetstream.ConsumerInfo{}
	}
	l.known[name] = info
	return info, nil
}

// progress is how far the consumer of a requeued letter is with it.
func (l *listeners) progress(ctx context.Context, letter Letter) (Progress, error) {
	if letter.State != Requeued || !isToken(letter.Consumer) {
		return "", nil
	}
	info, err := l.of(ctx, letter.Consumer)
	switch {
	case err != nil:
		return "", err
	case info == nil:
		return Orphaned, nil
	case letter.ID <= info.AckFloor.Stream:
		return Settled, nil
	case letter.ID <= info.Delivered.Stream:
		return InHand, nil
	}
	return Waiting, nil
}
