package doctor

import (
	"context"

	"github.com/nats-io/nats.go/jetstream"
)

func checkDiscard(ctx context.Context, d *Doctor) ([]Finding, error) {
	info, err := d.streamInfo(ctx, d.config.Stream)
	if err != nil {
		return nil, err
	}
	config := info.Config
	found := d.faulty([]fault{{
		config.Discard != jetstream.DiscardOld && !config.Sealed, "refuses what is new when it is full (DiscardNew)", "events are refused, and parked",
		"nats stream edit " + config.Name + " --discard=old, without limits",
	}}, config.Name)
	return orGood(found, values{"discard": config.Discard.String()}, "stream %s refuses no event for being full", config.Name), nil
}
