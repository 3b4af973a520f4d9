package subscribers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	// metadataPartitions is in the metadata of the stream of the partitions: how many there are.
	metadataPartitions = "contrail-partitions"

	// headerSource is the broker's, on a copy: the stream, and the sequence there, that it was copied from.
	headerSource = "Nats-Stream-Source"

	// sourceDuplicates is for events that are copied twice while the filters change: some milliseconds.
	sourceDuplicates = 10 * time.Second
)

// division is the JetStream stream of a durable's partitions. The broker copies the events into it, in their order, and writes the number of the
// partition in front of each subject.
//
// Answered copies are deleted by us (see prune) rather than by WorkQueue retention, for the sake of the last one: it tells the broker, after a crash, and
// us, when the filters change, up to where there are copies.
type division struct {
	*Subscription

	registry *registry
}

func (d *division) name() string { return partitionStream(d.config.Stream, d.config.Durable) }

// ensure creates the stream, or makes sure that the one that is there is divided as it should be.
func (d *division) ensure(ctx context.Context) error {
	events, err := d.js.Stream(ctx, d.config.Stream)
	if err != nil {
		return fmt.Errorf("look up stream %s, which the relay creates when it starts: %w", d.config.Stream, err)
	}
	found, err := d.js.Stream(ctx, d.name())
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound):
		return d.create(ctx, events.CachedInfo().Config)
	case err != nil:
		return fmt.Errorf("look up stream %s: %w", d.name(), err)
	}
	info := found.CachedInfo()
	divided, err := d.countOf(info.Config)
	switch {
	case err != nil:
		return err
	case divided != d.config.Partitions:
		if err := d.dissolve(ctx, found, divided); err != nil {
			return err
		}
		return d.create(ctx, events.CachedInfo().Config)
	}
	if err := d.registry.forgetBegin(ctx); err != nil {
		return err
	}
	return d.follow(ctx, found)
}

// countOf is into how many partitions a stream is divided. The error says that it is not ours.
func (d *division) countOf(found jetstream.StreamConfig) (int, error) {
	count, err := strconv.Atoi(found.Metadata[metadataPartitions])
	if err != nil || len(found.Sources) != 1 ||
		found.Metadata[metadataStream] != d.config.Stream || found.Metadata[metadataDurable] != d.config.Durable {
		return 0, misconfigured("stream %s exists, and was not made for the partitions of %s; choose another Durable", d.name(), d.config.Durable)
	}
	return count, nil
}

// create makes the stream, as safe as that of the events is.
func (d *division) create(ctx context.Context, events jetstream.StreamConfig) error {
	begin, err := d.begin(ctx)
	if err != nil {
		return fmt.Errorf("find out where the partitions of %s begin: %w", d.config.Durable, err)
	}
	_, err = d.js.CreateStream(ctx, jetstream.StreamConfig{
		Name: d.name(), Description: "Events of " + d.config.Stream + ", divided for the consumer " + d.config.Durable + " of Contrail's.",
		Retention: jetstream.LimitsPolicy, Storage: events.Storage, Replicas: events.Replicas, Placement: events.Placement,
		Duplicates: sourceDuplicates, Sources: d.sources(begin),
		Metadata: map[string]string{
			metadataStream: d.config.Stream, metadataDurable: d.config.Durable, metadataPartitions: strconv.Itoa(d.config.Partitions),
		},
	})
	if err != nil && !errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) { // another member was quicker, and will be checked
		return fmt.Errorf("create stream %s for the partitions: %w", d.name(), err)
	}
	if err != nil {
		return fmt.Errorf("another process has just created stream %s: %w", d.name(), errAgain)
	}
	return d.registry.forgetBegin(ctx)
}

// errAgain says that nothing is wrong, and that the next try will succeed.
var errAgain = errors.New("look again")

func (d *division) sources(begin uint64) []*jetstream.StreamSource {
	source := &jetstream.StreamSource{Name: d.config.Stream, SubjectTransforms: d.config.transforms()}
	if begin > firstSequence {
		source.OptStartSeq = begin
	}
	return []*jetstream.StreamSource{source}
}

// begin is the sequence of the first event to copy: behind what another division has copied; else where the durable stands that was not divided; else
// where Config.Start says.
func (d *division) begin(ctx context.Context) (uint64, error) {
	if begin, err := d.registry.begin(ctx); err != nil || begin > 0 {
		return begin, err
	}
	consumer, err := d.js.Consumer(ctx, d.config.Stream, d.config.Durable)
	switch {
	case errors.Is(err, jetstream.ErrConsumerNotFound), errors.Is(err, jetstream.ErrNotPullConsumer):
		return d.firstSequence(ctx)
	case err != nil:
		return 0, fmt.Errorf("look up consumer %s: %w", d.config.Durable, err)
	}
	info := consumer.CachedInfo()
	if info.NumWaiting > 0 {
		return 0, fmt.Errorf("processes without Partitions still use consumer %s of stream %s; stop them first", d.config.Durable, d.config.Stream)
	}
	return info.AckFloor.Stream + 1, nil
}

// follow has the broker copy by other filters when they have changed, from behind what it has copied.
func (d *division) follow(ctx context.Context, found jetstream.Stream) error {
	info := found.CachedInfo()
	config := info.Config
	if slices.Equal(config.Sources[0].SubjectTransforms, d.config.transforms()) {
		return nil
	}
	begin, err := d.copied(ctx, found)
	if err != nil {
		return err
	}
	config.Sources = d.sources(begin)
	if _, err := d.js.UpdateStream(ctx, config); err != nil {
		return fmt.Errorf("change which events stream %s copies: %w", d.name(), err)
	}
	return nil
}

// copied returns the sequence of the first event that has no copy yet. When somebody has deleted all copies, it is where they began.
func (d *division) copied(ctx context.Context, found jetstream.Stream) (uint64, error) {
	info, err := found.Info(ctx)
	if err != nil {
		return 0, fmt.Errorf("look up stream %s: %w", d.name(), err)
	}
	begin := info.Config.Sources[0].OptStartSeq
	if info.State.Msgs == 0 {
		return begin, nil
	}
	last, err := found.GetMsg(ctx, info.State.LastSeq)
	if err != nil {
		return 0, fmt.Errorf("read the last message of stream %s: %w", d.name(), err)
	}
	sequence, _ := sourceOf(last.Header)
	return max(begin, sequence+1), nil
}
