package subscriptions

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail/internal/seek"
)

// Keys of the metadata of what package subscribers makes for a subscription.
const (
	metadataStream     = "contrail-stream"     // the stream of its events
	metadataDurable    = "contrail-durable"    // its Durable
	metadataPartitions = "contrail-partitions" // of a stream of copies: into how many partitions they are divided
)

// copies is the stream into which the broker copies the events of a divided subscription, each behind the number of its partition, as package
// subscribers makes it.
type copies struct {
	js     jetstream.JetStream
	name   Name
	count  int // of partitions
	stream jetstream.Stream
}

// title is the stream's name.
func (c *copies) title() string { return c.name.Stream + "_" + c.name.Durable }

// consumer is the name of a partition's consumer.
func (c *copies) consumer(partition int) string {
	return c.name.Durable + "_" + strconv.Itoa(partition)
}

// openCopies looks the stream up; nil: the subscription is not divided.
func openCopies(ctx context.Context, js jetstream.JetStream, name Name) (*copies, error) {
	c := &copies{js: js, name: name}
	stream, err := js.Stream(ctx, c.title())
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound):
		return nil, nil //nolint:nilnil // none, and no fault
	case err != nil:
		return nil, fmt.Errorf("look up stream %s: %w", c.title(), err)
	}
	durable, count := dividedBy(stream.CachedInfo().Config, name.Stream)
	if durable != name.Durable {
		return nil, nil //nolint:nilnil // it is somebody else's
	}
	c.stream, c.count = stream, count
	return c, nil
}

// dividedBy is the subscription whose events a stream has, in so many partitions; empty: it is no stream of copies.
func dividedBy(config jetstream.StreamConfig, stream string) (durable string, partitions int) {
	partitions, err := strconv.Atoi(config.Metadata[metadataPartitions])
	if err != nil || partitions < 1 || len(config.Sources) != 1 || config.Metadata[metadataStream] != stream {
		return "", 0
	}
	return config.Metadata[metadataDurable], partitions
}

// consumers are those of the partitions, by number; nil where nobody has made one yet.
func (c *copies) consumers(ctx context.Context) ([]*jetstream.ConsumerInfo, error) {
	found := make([]*jetstream.ConsumerInfo, c.count)
	lister := c.stream.ListConsumers(ctx)
	for info := range lister.Info() {
		for partition := range found {
			if info.Name == c.consumer(partition) {
				found[partition] = info
			}
		}
	}
	if err := lister.Err(); err != nil {
		return nil, fmt.Errorf("list the consumers of stream %s: %w", c.title(), err)
	}
	return found, nil
}

// subjects are those of the copies in a partition.
func subjects(partition int) string { return strconv.Itoa(partition) + ".>" }

// consumerConfig is what a partition's consumer must have, so that package subscribers does the rest.
func (c *copies) consumerConfig(partition int) jetstream.ConsumerConfig {
	return jetstream.ConsumerConfig{
		Durable: c.consumer(partition), AckPolicy: jetstream.AckExplicitPolicy, FilterSubject: subjects(partition),
		Metadata: map[string]string{metadataStream: c.name.Stream},
	}
}

// filters are the subjects that the subscription consumes.
func (c *copies) filters(consumers []*jetstream.ConsumerInfo) []string {
	filters := []string{}
	for partition, info := range consumers {
		if info == nil {
			continue
		}
		for _, filter := range filtersOf(info.Config) {
			filters = append(filters, strings.TrimPrefix(filter, strconv.Itoa(partition)+"."))
		}
		return filters
	}
	return c.sources()
}

// sources are the subjects by which the events are copied.
func (c *copies) sources() []string {
	var all []string
	for _, transform := range c.stream.CachedInfo().Config.Sources[0].SubjectTransforms {
		all = append(all, transform.Source)
	}
	return all
}

// headerSource is the broker's, on a copy: the stream, and the sequence there, that it was copied from.
const headerSource = "Nats-Stream-Source"

// original is how far the copies have come, in the stream of events, with the one at a sequence. What is in front of the copies that the stream still
// has was settled, and deleted.
func (c *copies) original(ctx context.Context, sequence uint64) (uint64, error) {
	stream, err := seek.Open(ctx, c.js, c.title(), "")
	if err != nil {
		return 0, err
	}
	copied, err := stream.Next(ctx, max(sequence, 1))
	switch {
	case err != nil:
		return 0, err
	case copied == nil:
		return max(c.stream.CachedInfo().Config.Sources[0].OptStartSeq, 1) - 1, nil
	}
	_, rest, _ := strings.Cut(copied.Header.Get(headerSource), " ")
	text, _, _ := strings.Cut(rest, " ")
	original, err := strconv.ParseUint(text, 10, 64)
	switch {
	case err != nil:
		return 0, fmt.Errorf("message %d of stream %s is no copy: header %s is %q", copied.Sequence, c.title(), headerSource,
			copied.Header.Get(headerSource))
	case copied.Sequence > sequence:
		return original - 1, nil
	}
	return original, nil
}

// uncopied counts the events behind a sequence of their stream, of which there are no copies yet.
func (c *copies) uncopied(ctx context.Context, sequence uint64) (uint64, error) {
	consumer, err := c.js.CreateConsumer(ctx, c.name.Stream, jetstream.ConsumerConfig{
		AckPolicy: jetstream.AckNonePolicy, DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: sequence + 1,
		FilterSubjects: c.sources(), InactiveThreshold: patience, MemoryStorage: true, Replicas: 1,
	})
	if err != nil {
		return 0, fmt.Errorf("count the events that are not copied yet: %w", err)
	}
	info := consumer.CachedInfo()
	_ = c.js.DeleteConsumer(ctx, c.name.Stream, info.Name) // else it goes by itself
	return info.NumPending, nil
}

// unseen counts the copies in a partition that has no consumer.
func (c *copies) unseen(ctx context.Context, partition int) (count uint64, err error) {
	info, err := c.stream.Info(ctx, jetstream.WithSubjectFilter(subjects(partition)))
	if err != nil {
		return 0, fmt.Errorf("count the events of partition %d: %w", partition, err)
	}
	for _, messages := range info.State.Subjects {
		count += messages
	}
	return count, nil
}
