package subscriptions

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/seek"
	"github.com/contrail-events/contrail/subscribers"
)

// Subscription is how a subscription is, by what the broker knows: a durable consumer, or those of its partitions together. Of a divided one
// everything is about the events, wherever the broker has copied them: AckFloor is that of the partition that is furthest behind, and it is paused when all
// partitions are, until the first one goes on.
type Subscription struct {
	Durable string    `json:"durable"`
	Stream  string    `json:"stream"`
	Ours    bool      `json:"contrail"` // package subscribers made it
	Created time.Time `json:"created"`
	Filters []string  `json:"filters"` // the subjects it consumes; none: all

	Lag         uint64     `json:"lag"`         // events that are not settled: those to come, and those in hand
	Pending     uint64     `json:"pending"`     // events to come, never delivered
	InHand      int        `json:"in_hand"`     // events delivered and not answered: being handled, or waiting for their retry
	Redelivered int        `json:"redelivered"` // of these, delivered more than once
	Answered    uint64     `json:"answered"`    // deliveries that were answered in whatever way, or given up, since its consumers were made: it grows
	Waiting     int        `json:"waiting"`     // pulls that wait for events; zero, with nothing in hand: nobody is there
	AckFloor    Place      `json:"ack_floor"`   // up to here everything is settled
	Delivered   Place      `json:"delivered"`   // the last event that was delivered for the first time
	PausedUntil *time.Time `json:"paused_until"`

	DeadLetters uint64 `json:"dead_letters"` // that wait for a person
	Requeued    uint64 `json:"requeued"`     // events that are requeued or replayed to it, and not settled

	MaxDeliver    int     `json:"max_deliver"` // -1: without end
	AckWait       float64 `json:"ack_wait_seconds"`
	MaxAckPending int     `json:"max_ack_pending"` // -1: without bound; of a divided one it is each partition's

	Division *Division `json:"division"` // of subscribers.Config.Partitions; nil: the events are not divided
}

// Place is a message of the stream.
type Place struct {
	Sequence uint64            `json:"sequence"` // zero: before the first one
	Position contrail.Position `json:"position"` // the event's; zero: unknown, since the stream does not have the message any more, or it is no event
	At       *time.Time        `json:"at"`       // when that happened last, in this life of the broker; nil: unknown
}

// read makes a Subscription of what the broker says, and asks for the rest.
func (f found) read(ctx context.Context, js jetstream.JetStream, name Name) (s Subscription, err error) {
	if f.copies == nil {
		s = ofConsumer(name, f.consumer)
	} else if s, err = f.copies.read(ctx); err != nil {
		return s, err
	}
	stream, err := seek.Open(ctx, js, name.Stream, "")
	if err != nil {
		return s, err
	}
	for _, place := range []*Place{&s.AckFloor, &s.Delivered} {
		if place.Position, err = positionAt(ctx, stream, place.Sequence); err != nil {
			return s, err
		}
	}
	if s.DeadLetters, err = countDeadLetters(ctx, js, name.DeadLetters, name.Durable); err != nil {
		return s, err
	}
	s.Requeued, err = countRequeued(ctx, js, name.DeadLetters, name.Durable)
	return s, err
}

// ofConsumer is what the broker says of a consumer that is not divided.
func ofConsumer(name Name, info *jetstream.ConsumerInfo) Subscription {
	config := info.Config
	return Subscription{
		Durable: config.Durable, Stream: name.Stream, Ours: config.Metadata[metadataStream] == name.Stream, Created: info.Created,
		Filters: filtersOf(config), Lag: info.NumPending + uint64(info.NumAckPending), Pending: info.NumPending, //nolint:gosec // never negative
		InHand: info.NumAckPending, Redelivered: info.NumRedelivered, Answered: answered(info), Waiting: info.NumWaiting, PausedUntil: pausedUntil(info),
		AckFloor:   Place{Sequence: info.AckFloor.Stream, At: info.AckFloor.Last},
		Delivered:  Place{Sequence: info.Delivered.Stream, At: info.Delivered.Last},
		MaxDeliver: config.MaxDeliver, AckWait: config.AckWait.Seconds(), MaxAckPending: config.MaxAckPending,
	}
}

// answered are the deliveries that are not in hand any more.
func answered(info *jetstream.ConsumerInfo) uint64 {
	inHand := uint64(max(info.NumAckPending, 0))
	return info.Delivered.Consumer - min(inHand, info.Delivered.Consumer)
}

func filtersOf(config jetstream.ConsumerConfig) []string {
	switch {
	case config.FilterSubject != "":
		return []string{config.FilterSubject}
	case len(config.FilterSubjects) > 0:
		return config.FilterSubjects
	}
	return []string{}
}

func pausedUntil(info *jetstream.ConsumerInfo) *time.Time {
	if !info.Paused {
		return nil
	}
	return info.Config.PauseUntil
}

// positionAt is that of the message with the sequence, zero if the stream does not have it, or it is no event.
func positionAt(ctx context.Context, stream *seek.Stream, sequence uint64) (contrail.Position, error) {
	if sequence == 0 {
		return 0, nil
	}
	message, err := stream.Get(ctx, sequence)
	if err != nil || message == nil {
		return 0, err
	}
	position, _ := message.Place()
	return position, nil
}

// countDeadLetters counts those of a consumer, without reading them.
func countDeadLetters(ctx context.Context, js jetstream.JetStream, deadLetters, durable string) (uint64, error) {
	stream, err := js.Stream(ctx, deadLetters)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("count the dead letters of %s: %w", durable, err)
	}
	prefix := subscribers.DeadLetterPrefix(deadLetters)
	var count uint64
	for _, subject := range []string{prefix + ".events." + durable + ".>", prefix + ".foreign." + durable} {
		info, err := stream.Info(ctx, jetstream.WithSubjectFilter(subject))
		if err != nil {
			return 0, fmt.Errorf("count the dead letters of %s: %w", durable, err)
		}
		for _, letters := range info.State.Subjects {
			count += letters
		}
	}
	return count, nil
}

// countRequeued is the lag of the consumer that gets what is requeued.
func countRequeued(ctx context.Context, js jetstream.JetStream, deadLetters, durable string) (uint64, error) {
	consumer, err := js.Consumer(ctx, deadLetters, durable)
	switch {
	case isNotFound(err):
		return 0, nil
	case err != nil:
		return 0, fmt.Errorf("count what is requeued to %s: %w", durable, err)
	}
	info := consumer.CachedInfo()
	return info.NumPending + uint64(info.NumAckPending), nil //nolint:gosec // never negative
}
