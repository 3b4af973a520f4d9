package projections

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// countedFor is how long the broker keeps what it counts by if it can't be told to delete it.
const countedFor = 10 * time.Second

// Lag counts the messages of the stream that a projection has yet to read: those of its subjects behind its checkpoint. Where the stream has been
// replaced since, that is no more than a guess. The error wraps [jetstream.ErrStreamNotFound].
func Lag(ctx context.Context, js jetstream.JetStream, p Projection) (uint64, error) {
	if p.Stream == "" {
		return 0, fmt.Errorf("count what projection %q has yet to read: no process has told which stream that is", p.Name)
	}
	consumer, err := js.CreateConsumer(ctx, p.Stream, jetstream.ConsumerConfig{
		FilterSubjects: p.Subjects, DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: p.Sequence + 1,
		AckPolicy: jetstream.AckNonePolicy, MemoryStorage: true, InactiveThreshold: countedFor,
	})
	if err != nil {
		return 0, fmt.Errorf("count what projection %q has yet to read: %w", p.Name, err)
	}
	info := consumer.CachedInfo()
	_ = js.DeleteConsumer(ctx, p.Stream, info.Name) // it goes by itself
	return info.NumPending, nil
}
