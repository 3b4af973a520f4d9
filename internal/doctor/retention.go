package doctor

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

func checkRetention(ctx context.Context, d *Doctor) ([]Finding, error) {
	info, err := d.streamInfo(ctx, d.config.Stream)
	if err != nil {
		return nil, err
	}
	config, name := info.Config, info.Config.Name
	edit := "nats stream edit " + name
	const goes = "an event goes before slow consumers have it, and can't be verified or replayed"
	found := d.faulty([]fault{
		{
			config.Retention != jetstream.LimitsPolicy, fmt.Sprintf("has retention %s", config.Retention), "what was consumed is deleted, and can't be verified or replayed",
			"give the relay another stream with limits retention (--stream, --prefix)",
		},
		{config.MaxAge > 0, fmt.Sprintf("keeps events for %s (MaxAge)", config.MaxAge), goes, edit + " --max-age=0"},
		{config.MaxMsgs > 0, fmt.Sprintf("keeps %d events (MaxMsgs)", config.MaxMsgs), goes, edit + " --max-msgs=-1"},
		{config.MaxBytes > 0, fmt.Sprintf("keeps %s (MaxBytes)", bytesText(config.MaxBytes)), goes, edit + " --max-bytes=-1"},
		{config.MaxMsgsPerSubject > 0, fmt.Sprintf("keeps %d events of a subject (MaxMsgsPerSubject)", config.MaxMsgsPerSubject), goes, edit + " --max-msgs-per-subject=-1"},
	}, name)
	lost, err := d.lostBefore(ctx, info)
	if err != nil {
		return found, err
	}
	return orGood(append(found, lost...), values{"first_sequence": info.State.FirstSeq}, "stream %s drops no event", name), nil
}

// lostBefore is about consumers that stand behind the first message that the stream still has.
func (d *Doctor) lostBefore(ctx context.Context, info *jetstream.StreamInfo) ([]Finding, error) {
	if info.State.FirstSeq <= 1 {
		return nil, nil
	}
	consumers, err := d.consumersOf(ctx, info.Config.Name)
	if err != nil {
		return nil, err
	}
	var found []Finding
	for _, consumer := range consumers {
		if floor := consumer.AckFloor.Stream; consumer.Delivered.Stream > 0 && floor+1 < info.State.FirstSeq {
			found = append(found, Finding{
				Severity: Danger, What: fmt.Sprintf("stream %s begins at message %d, and consumer %s has settled those up to %d", info.Config.Name, info.State.FirstSeq, consumer.Name, floor),
				Why: "what was in between is lost to the consumer", Do: "restore the stream, or have the consumer begin anew behind a contrail rebuild",
				Values: values{"consumer": consumer.Name, "ack_floor": floor, "first_sequence": info.State.FirstSeq},
			})
		}
	}
	return found, nil
}
