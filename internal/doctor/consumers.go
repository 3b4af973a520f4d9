package doctor

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail/internal/wire"
)

const (
	// metadataStream is in the metadata of consumers that a subscription has made, and of the streams of its partitions: the stream of the events.
	metadataStream = "contrail-stream"
	// metadataDurable is in that of the streams of partitions: the subscription.
	metadataDurable = "contrail-durable"

	advisories = wire.Advisories
)

// consumer is one on the stream of the events, or on the partitions of a subscription.
type consumer struct {
	*jetstream.ConsumerInfo

	ours  bool   // package subscribers made it
	label string // for people
}

// consumers are all that consume the events. The error wraps [jetstream.ErrStreamNotFound].
func (d *Doctor) consumers(ctx context.Context) ([]consumer, error) {
	all, err := d.consumersOf(ctx, d.config.Stream)
	if err != nil {
		return nil, err
	}
	streams, err := d.ourStreams(ctx)
	if err != nil {
		return nil, err
	}
	for _, info := range streams {
		durable := info.Config.Metadata[metadataDurable]
		if durable == "" || len(info.Config.Sources) == 0 {
			continue
		}
		parts, err := d.consumersOf(ctx, info.Config.Name)
		if err != nil {
			return nil, err
		}
		for _, part := range parts {
			part.ours, part.label = true, fmt.Sprintf("%s, partition %s", durable, part.Name)
			all = append(all, part)
		}
	}
	return all, nil
}

func (d *Doctor) consumersOf(ctx context.Context, name string) ([]consumer, error) {
	stream, err := d.js.Stream(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("look up stream %s: %w", name, err)
	}
	var all []consumer
	list := stream.ListConsumers(ctx)
	for info := range list.Info() {
		all = append(all, consumer{info, info.Config.Metadata[metadataStream] != "", info.Name})
	}
	if err := list.Err(); err != nil {
		return nil, fmt.Errorf("list the consumers of stream %s: %w", name, err)
	}
	return all, nil
}

// waiting is how many events it has not settled.
func (c consumer) waiting() uint64 {
	return c.NumPending + uint64(max(c.NumAckPending, 0))
}

// edit is the command that changes it.
func (c consumer) edit() string { return "nats consumer edit " + c.Stream + " " + c.Name }

// durables are those that outlive who uses them: others are somebody's look at the stream.
func durables(all []consumer) []consumer {
	var kept []consumer
	for _, one := range all {
		if one.Config.Durable != "" {
			kept = append(kept, one)
		}
	}
	return kept
}

// eachDurable makes a check of what there is to say of each.
func (d *Doctor) eachDurable(ctx context.Context, well string, about func(consumer) []Finding) ([]Finding, error) {
	all, err := d.consumers(ctx)
	if err != nil {
		return nil, err
	}
	var found []Finding
	kept := durables(all)
	for _, one := range kept {
		found = append(found, about(one)...)
	}
	return orGood(found, values{"consumers": len(kept)}, "%s, of %d", well, len(kept)), nil
}
