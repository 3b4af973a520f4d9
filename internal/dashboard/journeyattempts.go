package dashboard

import (
	"context"
	"time"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/subscribers/attempts"
)

// journeyAttempt is a delivery of the event to a consumer that was no success at first.
type journeyAttempt struct {
	Durable  string           `json:"durable"`
	Delivery int              `json:"delivery"` // 1, 2, 3 …
	Replays  int              `json:"replays,omitempty"`
	Verdict  attempts.Verdict `json:"verdict"`
	Reason   string           `json:"reason,omitempty"`
	Error    string           `json:"error,omitempty"`
	Began    time.Time        `json:"began"`
	Seconds  float64          `json:"seconds"`
	Process  string           `json:"process,omitempty"`
}

// readAttempts reads the journal of attempts, which keeps them for a week.
func (d *Dashboard) readAttempts(ctx context.Context, event contrail.Recorded) ([]journeyAttempt, error) {
	told, err := attempts.Of(ctx, d.js, d.config.Stream, event.ID)
	if err != nil {
		return nil, err
	}
	all := make([]journeyAttempt, 0, len(told))
	for _, one := range told {
		all = append(all, journeyAttempt{
			Durable: one.Durable, Delivery: one.Delivery, Replays: one.Replays, Verdict: one.Verdict, Reason: one.Reason, Error: one.Error,
			Began: one.Began, Seconds: one.Seconds, Process: one.Process,
		})
	}
	return all, nil
}

// attemptsOf are those of a consumer.
func (p *passages) attemptsOf(durable string) (all []journeyAttempt) {
	for _, one := range p.attempts {
		if one.Durable == durable {
			all = append(all, one)
		}
	}
	return all
}
