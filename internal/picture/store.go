package picture

import (
	"context"

	"github.com/contrail-events/contrail/publisher"
	"github.com/contrail-events/contrail/publisher/control"
	"github.com/contrail-events/contrail/publisher/parked"
)

// readStore asks the broker, too, unless that is away.
func (r *Reader) readStore(ctx context.Context, to *Picture) error {
	js := r.js
	if !to.NATS.Up {
		js = nil
	}
	status, err := publisher.ReadStatusUpTo(ctx, r.pool, js, r.config.Stream, max(r.config.Limits.Counted, 0))
	if err != nil {
		return err
	}
	to.Store = &status
	to.Parked = map[parked.State]Count{
		parked.Parked: {status.Parked, status.OpenMore}, parked.Held: {status.Held, status.OpenMore}, parked.Requeued: {status.Requeued, status.OpenMore},
	}
	return nil
}

func (r *Reader) readStreams(ctx context.Context, to *Picture) error {
	streams, err := control.Streams(ctx, r.pool, "")
	if err == nil {
		to.Streams = orEmpty(streams)
	}
	return err
}

func (r *Reader) readRelays(ctx context.Context, to *Picture) error {
	relays, err := control.List(ctx, r.pool, "")
	if err == nil {
		to.Relays, to.Latency.Publish = orEmpty(relays), r.publishing(relays)
	}
	return err
}

// publishing is what the relay that leads has told of the events that it has published; nil: nothing so far.
func (r *Reader) publishing(relays []control.Relay) *Percentiles {
	for _, relay := range relays {
		if relay.Stream == r.config.Stream && relay.Leads && relay.LatencyMax > 0 {
			return &Percentiles{P50: relay.LatencyP50, P90: relay.LatencyP90, P99: relay.LatencyP99, Max: relay.LatencyMax}
		}
	}
	return nil
}

// orEmpty makes what is known to be empty differ from what is not known.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
