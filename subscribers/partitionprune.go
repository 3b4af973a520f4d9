package subscribers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// pruneEvery is the time between two looks for copies that are settled.
const pruneEvery = 10 * time.Second

// prune deletes, until ctx ends, copies that are settled in all partitions: those that were so one look ago, if no advisory waits. An event that the
// broker has given up is settled for its consumer, and becomes a dead letter a little later. A stream that somebody has deleted is created again.
func (d *division) prune(ctx context.Context) {
	var settled uint64
	for swept := time.Now(); wait(ctx, nil, pruneEvery); {
		next, err := d.pruneOnce(ctx, settled)
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			next, err = 0, d.ensure(ctx)
		}
		if err == nil && time.Since(swept) > keptMember {
			swept, err = time.Now(), d.registry.sweep(ctx)
		}
		if err != nil && ctx.Err() == nil {
			d.config.Logger.WarnContext(ctx, "the stream of the partitions was not tidied up, trying again later",
				slog.String("stream", d.name()), slog.Any("error", err))
		}
		settled = next
	}
}

// pruneOnce deletes what is in front of a sequence, and returns the one to delete up to next time.
func (d *division) pruneOnce(ctx context.Context, settled uint64) (next uint64, err error) {
	stream, err := d.js.Stream(ctx, d.name())
	if err != nil {
		return 0, fmt.Errorf("look up stream %s: %w", d.name(), err)
	}
	state := stream.CachedInfo().State
	if advised, err := d.advised(ctx); err != nil || advised {
		return 0, err
	}
	if settled > state.FirstSeq {
		if err := stream.Purge(ctx, jetstream.WithPurgeSequence(settled)); err != nil {
			return 0, fmt.Errorf("delete from stream %s up to message %d: %w", d.name(), settled, err)
		}
	}
	return d.settled(ctx, stream, state.LastSeq)
}

// settled returns the sequence of a copy in front of which all are settled: last, if all are. So the last one is always kept.
func (d *division) settled(ctx context.Context, stream jetstream.Stream, last uint64) (uint64, error) {
	for p := range d.config.Partitions {
		consumer, err := stream.Consumer(ctx, partitionConsumer(d.config.Durable, p))
		if errors.Is(err, jetstream.ErrConsumerNotFound) {
			return 0, nil
		}
		if err != nil {
			return 0, fmt.Errorf("look up the consumer of partition %d: %w", p, err)
		}
		if info := consumer.CachedInfo(); info.NumPending > 0 || info.NumAckPending > 0 {
			last = min(last, info.AckFloor.Stream+1)
		}
	}
	return last, nil
}

// advised tells whether advisories wait for the subscription.
func (d *division) advised(ctx context.Context) (bool, error) {
	name, err := d.js.StreamNameBySubject(ctx, subjectExhausted+"."+d.name()+"."+partitionConsumer(d.config.Durable, 0))
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for the stream that takes the broker's advisories: %w", err)
	}
	stream, err := d.js.Stream(ctx, name)
	if err != nil {
		return false, fmt.Errorf("look up stream %s: %w", name, err)
	}
	consumers := stream.ListConsumers(ctx)
	advised := false
	for info := range consumers.Info() {
		ours := info.Config.Metadata[metadataStream] == d.config.Stream && info.Config.Metadata[metadataDurable] == d.config.Durable
		advised = advised || ours && (info.NumPending > 0 || info.NumAckPending > 0)
	}
	if err := consumers.Err(); err != nil {
		return false, fmt.Errorf("list the consumers of stream %s: %w", name, err)
	}
	return advised, nil
}
