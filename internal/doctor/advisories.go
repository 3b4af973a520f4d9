package doctor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// advisoryKinds begin the subjects of what the broker says of events that it gives up, which go on with .<stream>.<consumer>.
func advisoryKinds() []string {
	return []string{"$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES", "$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED"}
}

// shortAdvisories is for how long they should be kept at least: as long as all processes of a subscription may be down.
const shortAdvisories = 3 * 24 * time.Hour

func checkAdvisories(ctx context.Context, d *Doctor) ([]Finding, error) {
	all, err := d.consumers(ctx)
	if err != nil {
		return nil, err
	}
	takers := map[string]bool{}
	var found []Finding
	ours := 0
	for _, one := range durables(all) {
		if !one.ours {
			continue
		}
		ours++
		for _, kind := range advisoryKinds() {
			taker, err := d.js.StreamNameBySubject(ctx, kind+"."+one.Stream+"."+one.Name)
			switch {
			case errors.Is(err, jetstream.ErrStreamNotFound):
				found = append(found, Finding{
					Severity: Danger, What: fmt.Sprintf("no stream takes %s of consumer %s", kind, one.label),
					Why:    "advisories are sent once: an event that the broker gives up, since each process that had it died, becomes no dead letter, and is lost in silence",
					Do:     fmt.Sprintf("restart its subscriber, which creates stream %s, or let a stream take %s.>", advisories, kind),
					Values: values{"consumer": one.Name, "subject": kind},
				})
			case err != nil:
				return found, fmt.Errorf("look for the stream that takes the broker's advisories: %w", err)
			default:
				takers[taker] = true
			}
		}
	}
	if ours == 0 {
		return good(nil, "no subscription has run yet whose events could be given up"), nil
	}
	for taker := range takers {
		kept, err := d.keptFor(ctx, taker)
		if err != nil {
			return found, err
		}
		found = append(found, kept...)
	}
	return orGood(found, values{"consumers": ours}, "a stream takes what the broker gives up, of %d consumers", ours), nil
}

func (d *Doctor) keptFor(ctx context.Context, taker string) ([]Finding, error) {
	info, err := d.streamInfo(ctx, taker)
	if err != nil || info.Config.MaxAge == 0 || info.Config.MaxAge >= shortAdvisories {
		return nil, err
	}
	return []Finding{{
		Severity: Warning, What: fmt.Sprintf("stream %s keeps the broker's advisories for %s", taker, info.Config.MaxAge),
		Why: "what a subscription that is down for longer should have made a dead letter of is lost", Do: fmt.Sprintf("nats stream edit %s --max-age=30d", taker),
		Values: values{"stream": taker, "max_age_seconds": info.Config.MaxAge.Seconds()},
	}}, nil
}
