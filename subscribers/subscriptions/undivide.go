package subscriptions

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail"
)

// Undivided is what [Undivide] has done.
type Undivided struct {
	Partitions int               `json:"partitions"` // that there were
	Sequence   uint64            `json:"sequence"`   // that the subscription goes on with, in the JetStream stream
	Position   contrail.Position `json:"position"`   // of the first event there; zero: the stream has none yet
	Again      int               `json:"again"`      // messages behind it, at most, that were handled, and are delivered once more
}

// Undivide makes a divided subscription one that is not: with a consumer that stands where everything was settled in all partitions. From there its
// processes go on, with another number for subscribers.Config.Partitions, or none. No process may run; the error says how many do. Events may wait,
// and may come meanwhile.
//
// Some partitions were further than others. What they have handled behind that place is delivered once more: the inbox passes over it, and handlers without one
// are called again. There is none of it if nothing waited.
//
// The consumer is made first, then the stream with the copies is deleted, and then the bucket in which the processes said who is there. Wherever that is
// interrupted nothing is lost; calling it again does the rest, unless a process was started, which goes on with what it finds. A subscription that was
// paused stays so.
//
// The error wraps [ErrNotFound], or [ErrNotDivided].
func Undivide(ctx context.Context, js jetstream.JetStream, name Name) (done Undivided, err error) {
	name = name.orDefaults()
	one, err := find(ctx, js, name)
	if err != nil {
		return Undivided{}, err
	}
	if one.copies == nil {
		return Undivided{}, fmt.Errorf("undivide subscription %s: %w", name, ErrNotDivided)
	}
	if done, err = one.copies.undivide(ctx); err != nil {
		return done, fmt.Errorf("undivide subscription %s: %w", name, err)
	}
	return done, nil
}

// ErrNotDivided says that a subscription's events are not divided.
var ErrNotDivided = errors.New("it has no partitions")

func (c *copies) undivide(ctx context.Context) (Undivided, error) {
	done := Undivided{Partitions: c.count}
	if err := c.unused(ctx); err != nil {
		return done, err
	}
	custody, err := c.custody(ctx)
	if err != nil {
		return done, err
	}
	err = custody.take(ctx)
	if err == nil {
		err = c.undivideTo(ctx, &done)
	}
	if err != nil {
		return done, errors.Join(err, custody.release(ctx))
	}
	custody.stop()
	if err := c.js.DeleteKeyValue(ctx, c.bucket()); err != nil && !errors.Is(err, jetstream.ErrBucketNotFound) {
		return done, fmt.Errorf("delete bucket %s: %w; it is not divided any more; delete the bucket", c.bucket(), err)
	}
	return done, nil
}

// unused refuses a subscription that is in use, or of which something is left to do.
func (c *copies) unused(ctx context.Context) error {
	var division Division
	if err := c.members(ctx, &division); err != nil {
		return err
	}
	running := 0
	for _, member := range division.Members {
		if member.Alive {
			running++
		}
	}
	if running > 0 {
		return fmt.Errorf("%d of its processes run, or have died within %s; stop them and try again", running, lease)
	}
	return c.buried(ctx)
}

// undivideTo makes the consumer, and deletes the copies.
func (c *copies) undivideTo(ctx context.Context, done *Undivided) error {
	consumers, err := c.consumers(ctx)
	if err != nil {
		return err
	}
	floor, err := c.floor(ctx, consumers)
	if err != nil {
		return err
	}
	done.Sequence = floor + 1
	filters := c.filters(consumers)
	if done.Position, err = firstPosition(ctx, c.js, c.name.Stream, widest(filters), done.Sequence); err != nil {
		return err
	}
	if done.Again, err = c.again(ctx, consumers); err != nil {
		return err
	}
	if err := c.makeConsumer(ctx, consumers, filters, done.Sequence); err != nil {
		return err
	}
	if err := c.js.DeleteStream(ctx, c.title()); err != nil {
		return fmt.Errorf("delete stream %s: %w", c.title(), err)
	}
	return nil
}

// makeConsumer makes the one that is not divided, in place of what an earlier one has left.
func (c *copies) makeConsumer(ctx context.Context, consumers []*jetstream.ConsumerInfo, filters []string, sequence uint64) error {
	config := c.consumerConfig(0)
	for _, info := range consumers {
		if info != nil {
			config = info.Config
			config.PauseUntil = pausedUntil(info)
		}
	}
	config.Durable, config.Name, config.FilterSubject, config.FilterSubjects = c.name.Durable, c.name.Durable, "", filters
	if err := c.js.DeleteConsumer(ctx, c.name.Stream, c.name.Durable); err != nil && !isNotFound(err) {
		return fmt.Errorf("delete the consumer on stream %s that was left when the events were divided: %w", c.name.Stream, err)
	}
	if _, err := c.js.CreateConsumer(ctx, c.name.Stream, startingAt(config, sequence)); err != nil {
		return fmt.Errorf("make a consumer on stream %s: %w", c.name.Stream, err)
	}
	return nil
}

// again counts the copies, behind the first one that is not settled, that are.
func (c *copies) again(ctx context.Context, consumers []*jetstream.ConsumerInfo) (int, error) {
	first, err := c.unsettled(ctx, consumers)
	if err != nil {
		return 0, err
	}
	var waiting uint64
	for number, info := range consumers {
		partition, err := c.partition(ctx, number, info)
		if err != nil {
			return 0, err
		}
		waiting += partition.Pending + uint64(partition.InHand) //nolint:gosec // never negative
	}
	info, err := c.stream.Info(ctx)
	if err != nil {
		return 0, fmt.Errorf("look up stream %s: %w", c.title(), err)
	}
	behind := info.State.LastSeq + 1 - first
	return int(max(behind, waiting) - waiting), nil //nolint:gosec // far from the bounds
}
