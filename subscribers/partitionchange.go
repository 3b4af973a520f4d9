package subscribers

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// dissolve deletes a stream that is divided into another number of partitions, when nothing in it waits and nobody is there to handle it. Where it ended
// is written down first, so that nothing is lost, or comes twice, whenever the process dies.
func (d *division) dissolve(ctx context.Context, found jetstream.Stream, divided int) error {
	present, err := d.registry.present(ctx)
	switch {
	case err != nil:
		return err
	case present > 0:
		return misconfigured("Partitions: %d processes are running that divide the events of %s into %d; stop them before you change it to %d",
			present, d.config.Durable, divided, d.config.Partitions)
	}
	begin, err := d.copied(ctx, found) // before the look for what waits: what is copied after this is copied again
	if err != nil {
		return err
	}
	waiting, err := d.waiting(ctx, found, divided)
	switch {
	case err != nil:
		return err
	case waiting > 0:
		return misconfigured("Partitions: the events of %s are divided into %d, and %d of them wait; run it with Partitions: %d until none does, "+
			"while the relay is paused, before you change it to %d", d.config.Durable, divided, waiting, divided, d.config.Partitions)
	}
	if err := d.registry.saveBegin(ctx, begin); err != nil {
		return err
	}
	now, err := d.js.Stream(ctx, d.name())
	if err != nil || !now.CachedInfo().Created.Equal(found.CachedInfo().Created) {
		return fmt.Errorf("another process divides the events of %s as well: %w", d.config.Durable, errAgain)
	}
	if err := d.js.DeleteStream(ctx, d.name()); err != nil && !errors.Is(err, jetstream.ErrStreamNotFound) {
		return fmt.Errorf("delete stream %s, which is divided into %d: %w", d.name(), divided, err)
	}
	return nil
}

// waiting counts the events that are not settled.
func (d *division) waiting(ctx context.Context, stream jetstream.Stream, divided int) (uint64, error) {
	var waiting uint64
	for p := range divided {
		consumer, err := stream.Consumer(ctx, partitionConsumer(d.config.Durable, p))
		switch {
		case errors.Is(err, jetstream.ErrConsumerNotFound): // nobody has ever handled any
			unseen, err := countCopies(ctx, stream, p)
			if err != nil {
				return 0, err
			}
			waiting += unseen
		case err != nil:
			return 0, fmt.Errorf("look up the consumer of partition %d: %w", p, err)
		default:
			info := consumer.CachedInfo()
			waiting += info.NumPending + uint64(info.NumAckPending) //nolint:gosec // never negative
		}
	}
	return waiting, nil
}

func countCopies(ctx context.Context, stream jetstream.Stream, partition int) (count uint64, err error) {
	info, err := stream.Info(ctx, jetstream.WithSubjectFilter(partitionSubjects(partition)))
	if err != nil {
		return 0, fmt.Errorf("count the events of partition %d: %w", partition, err)
	}
	for _, messages := range info.State.Subjects {
		count += messages
	}
	return count, nil
}
