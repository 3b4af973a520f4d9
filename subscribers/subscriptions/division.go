package subscriptions

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail/internal/seek"
	"github.com/contrail-events/contrail/subscribers"
)

// Division is how the events of a subscription with subscribers.Config.Partitions are divided.
type Division struct {
	Uncopied   uint64      `json:"uncopied"`   // events to come that the broker has not copied to their partitions yet; Subscription.Pending counts them
	Partitions []Partition `json:"partitions"` // by number
	Members    []Member    `json:"members"`    // the processes that share them, by the time since when they are there
}

// Partition is a part of the events, which has a consumer of its own.
type Partition struct {
	Number      int        `json:"number"` // the first is 0
	Pending     uint64     `json:"pending"`
	InHand      int        `json:"in_hand"`
	Redelivered int        `json:"redelivered"`
	Waiting     int        `json:"waiting"`
	PausedUntil *time.Time `json:"paused_until"`
	Member      string     `json:"member"` // the id of the member that holds it; empty: nobody who is alive
	Since       *time.Time `json:"since"`  // when the member began to hold it
}

// Member is a running process, or rather a running subscribers.Subscription.
type Member struct {
	ID      string    `json:"id"`
	Host    string    `json:"host"`
	PID     int       `json:"pid"`
	Since   time.Time `json:"since"`
	Seen    time.Time `json:"seen"`    // when it renewed its lease last, by the broker's clock
	Alive   bool      `json:"alive"`   // its lease has not run out
	Leaving bool      `json:"leaving"` // it gives back what it holds
	Holds   []int     `json:"holds"`   // the partitions, by their numbers
}

// read makes a Subscription of the partitions' consumers. What is copied meanwhile counts twice, rather than not at all.
func (c *copies) read(ctx context.Context) (Subscription, error) {
	info := c.stream.CachedInfo()
	s := Subscription{Durable: c.name.Durable, Stream: c.name.Stream, Ours: true, Created: info.Created, Division: &Division{}}
	last, err := c.original(ctx, info.State.LastSeq)
	if err != nil {
		return s, err
	}
	if s.Division.Uncopied, err = c.uncopied(ctx, last); err != nil {
		return s, err
	}
	consumers, err := c.consumers(ctx)
	if err != nil {
		return s, err
	}
	s.Filters, s.Pending = c.filters(consumers), s.Division.Uncopied
	for number, info := range consumers {
		partition, err := c.partition(ctx, number, info)
		if err != nil {
			return s, err
		}
		s.add(partition, info)
	}
	s.Lag = s.Pending + uint64(s.InHand) //nolint:gosec // never negative
	s.PausedUntil = s.Division.pausedUntil()
	if err := c.locate(ctx, &s, consumers); err != nil {
		return s, err
	}
	return s, c.members(ctx, s.Division)
}

// partition reads one, of which nobody may have made a consumer yet.
func (c *copies) partition(ctx context.Context, number int, info *jetstream.ConsumerInfo) (Partition, error) {
	if info == nil {
		unseen, err := c.unseen(ctx, number)
		return Partition{Number: number, Pending: unseen}, err
	}
	return Partition{
		Number: number, Pending: info.NumPending, InHand: info.NumAckPending, Redelivered: info.NumRedelivered, Waiting: info.NumWaiting,
		PausedUntil: pausedUntil(info),
	}, nil
}

// add adds a partition to the whole.
func (s *Subscription) add(partition Partition, info *jetstream.ConsumerInfo) {
	s.Division.Partitions = append(s.Division.Partitions, partition)
	s.Pending += partition.Pending
	s.InHand += partition.InHand
	s.Redelivered += partition.Redelivered
	s.Waiting += partition.Waiting
	if info != nil {
		s.Answered += answered(info)
		s.AckFloor.At, s.Delivered.At = latest(s.AckFloor.At, info.AckFloor.Last), latest(s.Delivered.At, info.Delivered.Last)
		s.MaxDeliver, s.AckWait, s.MaxAckPending = info.Config.MaxDeliver, info.Config.AckWait.Seconds(), info.Config.MaxAckPending
	}
}

func latest(one, other *time.Time) *time.Time {
	if one == nil || other != nil && other.After(*one) {
		return other
	}
	return one
}

// pausedUntil is when the first one goes on, if all are paused.
func (d *Division) pausedUntil() (until *time.Time) {
	for _, partition := range d.Partitions {
		switch {
		case partition.PausedUntil == nil:
			return nil
		case until == nil || partition.PausedUntil.Before(*until):
			until = partition.PausedUntil
		}
	}
	return until
}

// locate says where the subscription is in the stream of events.
func (c *copies) locate(ctx context.Context, s *Subscription, consumers []*jetstream.ConsumerInfo) (err error) {
	if s.AckFloor.Sequence, err = c.floor(ctx, consumers); err != nil {
		return err
	}
	var delivered uint64
	for _, info := range consumers {
		if info != nil {
			delivered = max(delivered, info.Delivered.Stream)
		}
	}
	s.Delivered.Sequence, err = c.original(ctx, delivered)
	return err
}

// floor is the sequence in the stream of events up to which everything is settled.
func (c *copies) floor(ctx context.Context, consumers []*jetstream.ConsumerInfo) (uint64, error) {
	first, err := c.unsettled(ctx, consumers)
	if err != nil {
		return 0, err
	}
	return c.original(ctx, first-1)
}

// unsettled is the sequence of the first copy that is not settled, and that behind the last one if all are. A consumer's own floor won't do: it stays at
// the partition's last event, however many of others' are behind it.
func (c *copies) unsettled(ctx context.Context, consumers []*jetstream.ConsumerInfo) (uint64, error) {
	stream, err := seek.Open(ctx, c.js, c.title(), "")
	if err != nil {
		return 0, err
	}
	first := stream.Last + 1
	for partition, info := range consumers {
		filters, from := []string{subjects(partition)}, uint64(1)
		if info != nil {
			filters, from = filtersOf(info.Config), info.AckFloor.Stream+1
			if info.NumPending == 0 && info.NumAckPending == 0 {
				continue
			}
		}
		for _, filter := range filters {
			copied, err := stream.On(filter).Next(ctx, from)
			if err != nil {
				return 0, err
			}
			if copied != nil {
				first = min(first, copied.Sequence)
			}
		}
	}
	return first, nil
}

// members says who is there, and holds what.
func (c *copies) members(ctx context.Context, division *Division) error {
	division.Members = []Member{}
	membership, err := subscribers.Members(ctx, c.js, c.name.Stream, c.name.Durable)
	switch {
	case errors.Is(err, jetstream.ErrBucketNotFound), errors.Is(err, subscribers.ErrNotDivided): // somebody has just deleted it
		return nil
	case err != nil:
		return fmt.Errorf("look who is there: %w", err)
	}
	for _, found := range membership.Members {
		member := Member{
			ID: found.ID, Host: found.Host, PID: found.PID, Since: found.Since, Seen: found.Seen, Alive: found.Alive, Leaving: found.Leaving, Holds: []int{},
		}
		for _, tenure := range found.Holds {
			member.Holds = append(member.Holds, tenure.Partition)
			if found.Alive && tenure.Partition < len(division.Partitions) {
				held := &division.Partitions[tenure.Partition]
				held.Member, held.Since = found.ID, &tenure.Since
			}
		}
		division.Members = append(division.Members, member)
	}
	return nil
}
