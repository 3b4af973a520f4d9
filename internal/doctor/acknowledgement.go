package doctor

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

func checkAcknowledgement(ctx context.Context, d *Doctor) ([]Finding, error) {
	return d.eachDurable(ctx, "each consumer acknowledges each event", func(c consumer) []Finding {
		if c.Config.AckPolicy == jetstream.AckExplicitPolicy {
			return nil
		}
		finding := Finding{
			Severity: Warning, What: fmt.Sprintf("consumer %s acknowledges by policy %s", c.label, c.Config.AckPolicy),
			Why:    "an event whose handling fails, or whose process dies, is lost to it in silence",
			Do:     "make it anew with explicit acknowledgement; package subscribers does",
			Values: values{"consumer": c.Name, "ack_policy": c.Config.AckPolicy.String()},
		}
		if c.ours {
			finding.Severity = Danger
		}
		return []Finding{finding}
	})
}
