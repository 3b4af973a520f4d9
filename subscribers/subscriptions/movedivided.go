package subscriptions

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// divided is a subscription whose events are copied anew from where it is moved to. See [Reset] for the order of what it does.
type divided struct {
	*copies

	before  []*jetstream.ConsumerInfo // of its partitions
	custody *custody
	gone    bool // the consumers from before
}

func (d *divided) pause(ctx context.Context) (err error) {
	if d.custody, err = d.copies.custody(ctx); err != nil {
		return err
	}
	if d.before, err = d.consumers(ctx); err != nil {
		return err
	}
	_, err = each(d.addresses(), func(at address) error {
		_, err := d.js.PauseConsumer(ctx, at.stream, at.consumer, time.Now().Add(hold))
		return err //nolint:wrapcheck // run does
	})
	return err
}

// inHand counts what the broker has given up, and is no dead letter yet, as well: its copies are needed for that.
func (d *divided) inHand(ctx context.Context) (count int, err error) {
	consumers, err := d.consumers(ctx)
	if err != nil {
		return 0, err
	}
	for _, info := range consumers {
		if info != nil {
			count += info.NumAckPending
		}
	}
	givenUp, err := d.givenUp(ctx)
	return count + givenUp, err
}

// bar takes the partitions.
func (d *divided) bar(ctx context.Context) error {
	if err := d.buried(ctx); err != nil {
		return err
	}
	return d.custody.take(ctx)
}

// halfway is how long what must not be left half done may still take when ctx has ended.
const halfway = 30 * time.Second

// remakeCopies is how often the stream is made anew: a process that has just been started may be as quick.
const remakeCopies = 5

func (d *divided) move(ctx context.Context, sequence uint64) error {
	if err := d.custody.begin(ctx, sequence); err != nil {
		return err
	}
	if err := d.custody.check(); err != nil {
		return err
	}
	info, err := d.stream.Info(ctx)
	if err != nil {
		return fmt.Errorf("look up stream %s: %w", d.title(), err)
	}
	config := info.Config
	source := *config.Sources[0]
	if source.OptStartSeq, source.OptStartTime = sequence, nil; sequence <= 1 {
		source.OptStartSeq = 0
	}
	config.Sources = []*jetstream.StreamSource{&source}
	config.FirstSeq = info.State.LastSeq + 1 // so that no process takes an event for an earlier one, nor an answer that comes late counts for another
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), halfway)
	defer cancel()
	for range remakeCopies {
		if err = d.js.DeleteStream(ctx, d.title()); err != nil && !errors.Is(err, jetstream.ErrStreamNotFound) {
			return fmt.Errorf("delete stream %s, to make it anew: %w", d.title(), err)
		}
		d.gone = true
		if d.stream, err = d.js.CreateStream(ctx, config); !errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("make stream %s anew: %w; its processes make it, to begin with message %d of stream %s; reset it again",
			d.title(), err, sequence, d.name.Stream)
	}
	if err := d.remakeConsumers(ctx); err != nil {
		return err
	}
	return d.custody.begun(ctx)
}

// remakeConsumers makes the consumers that there were, paused if they were.
func (d *divided) remakeConsumers(ctx context.Context) error {
	for partition, info := range d.before {
		config := d.consumerConfig(partition)
		if info != nil {
			config = startingAt(info.Config, 1)
		}
		if config.PauseUntil = nil; info != nil {
			config.PauseUntil = pausedUntil(info)
		}
		if _, err := d.js.CreateConsumer(ctx, d.title(), config); err != nil {
			return fmt.Errorf("make the consumer of partition %d anew: %w; it is reset, and may not be paused any more", partition, err)
		}
	}
	return nil
}

// goOn wakes the consumers, if they are still there, and gives the partitions back.
func (d *divided) goOn(ctx context.Context) (err error) {
	if !d.gone && len(d.before) > 0 {
		err = asBefore(ctx, d.js, d.addresses(), d.before)
	}
	if d.custody != nil {
		err = errors.Join(err, d.custody.release(ctx))
	}
	return err
}

// buried refuses to take away the copies of events that would be lost in silence then.
func (c *copies) buried(ctx context.Context) error {
	givenUp, err := c.givenUp(ctx)
	if err == nil && givenUp > 0 {
		err = fmt.Errorf("the broker has given up %d of its events, and they are no dead letters yet; let one of its processes run until they are", givenUp)
	}
	return err
}

// givenUp counts the events that the broker has given up, and of which nobody has made dead letters yet.
func (c *copies) givenUp(ctx context.Context) (count int, err error) {
	taker, err := c.js.StreamNameBySubject(ctx, "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES."+c.title()+"."+c.consumer(0))
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("look for the stream that takes the broker's advisories: %w", err)
	}
	stream, err := c.js.Stream(ctx, taker)
	if err != nil {
		return 0, fmt.Errorf("look up stream %s: %w", taker, err)
	}
	consumers := stream.ListConsumers(ctx)
	for info := range consumers.Info() {
		metadata := info.Config.Metadata
		if metadata[metadataStream] == c.name.Stream && metadata[metadataDurable] == c.name.Durable {
			count += int(info.NumPending) + info.NumAckPending //nolint:gosec // far from the bounds
		}
	}
	if err := consumers.Err(); err != nil {
		return 0, fmt.Errorf("list the consumers of stream %s: %w", taker, err)
	}
	return count, nil
}
