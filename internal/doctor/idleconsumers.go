package doctor

import (
	"context"
	"fmt"
	"time"
)

func checkIdleConsumers(ctx context.Context, d *Doctor) ([]Finding, error) {
	return d.eachDurable(ctx, "somebody asks for each consumer's events", func(c consumer) []Finding {
		with := values{"consumer": c.Name, "pending": c.NumPending, "in_hand": c.NumAckPending, "waiting": c.NumWaiting}
		if c.Paused {
			return []Finding{{
				Severity: Note, What: fmt.Sprintf("consumer %s is paused", c.label), Why: "it is delivered nothing until then", Do: "contrail subscriptions resume " + c.Name, Values: with,
			}}
		}
		since := c.Created
		for _, last := range []*time.Time{c.Delivered.Last, c.AckFloor.Last} {
			if last != nil && last.After(since) {
				since = *last
			}
		}
		there := c.NumWaiting > 0 || c.NumAckPending > 0 || c.PushBound
		idle := c.TimeStamp.Sub(since) // both by the broker's clock
		if there || c.NumPending == 0 || idle < d.config.Limits.Idle {
			return nil
		}
		return []Finding{{
			Severity: Warning, What: fmt.Sprintf("nobody asks for the %d events that wait for consumer %s, for %s", c.NumPending, c.label, idle.Round(time.Second)),
			Why: "its program is down, or the consumer is nobody's any more", Do: "start its program, or nats consumer rm " + c.Stream + " " + c.Name, Values: with,
		}}
	})
}
