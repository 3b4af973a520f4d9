package doctor

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

func checkMaxDeliver(ctx context.Context, d *Doctor) ([]Finding, error) {
	return d.eachDurable(ctx, "deliveries are bounded, and end as dead letters", func(c consumer) []Finding {
		most := c.Config.MaxDeliver
		with := values{"consumer": c.Name, "max_deliver": most, "contrail": c.ours}
		switch {
		case c.Config.AckPolicy == jetstream.AckNonePolicy:
		case most < 0 && c.ours:
			return []Finding{{
				Severity: Danger, What: fmt.Sprintf("consumer %s delivers without end (MaxDeliver %d)", c.label, most), Values: with,
				Why: "somebody has changed it at the broker: an event whose process dies each time comes for ever, and never becomes a dead letter",
				Do:  "restart its subscriber, which sets MaxDeliver as it is configured",
			}}
		case most < 0:
			return []Finding{{
				Severity: Warning, What: fmt.Sprintf("consumer %s delivers without end (MaxDeliver %d)", c.label, most), Values: with,
				Why: "an event that can't be handled comes for ever, and occupies the consumer", Do: c.edit() + " --max-deliver=8, and a place for dead letters",
			}}
		case !c.ours:
			return []Finding{{
				Severity: Warning, What: fmt.Sprintf("consumer %s gives an event up after %d deliveries, and is not Contrail's", c.label, most), Values: with,
				Why: "JetStream has no dead letters: an event that was delivered so often is passed over in silence",
				Do:  "consume by package subscribers; or have the program make dead letters itself, from the broker's advisories too",
			}}
		}
		return nil
	})
}
