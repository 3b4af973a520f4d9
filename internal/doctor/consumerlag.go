package doctor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const muchBehind = 12 // times the limit

// mostFilters bounds how many messages are looked up for one consumer.
const mostFilters = 16

func checkConsumerLag(ctx context.Context, d *Doctor) ([]Finding, error) {
	all, err := d.consumers(ctx)
	if err != nil {
		return nil, err
	}
	var found []Finding
	for _, one := range durables(all) {
		if one.waiting() == 0 || one.Paused {
			continue
		}
		oldest, err := d.oldestWaiting(ctx, one)
		if err != nil {
			return found, err
		}
		if oldest.IsZero() {
			continue
		}
		limit, behind := d.config.Limits.Behind, one.TimeStamp.Sub(oldest)
		if severity := graded(behind, limit, muchBehind*limit); severity != OK {
			found = append(found, Finding{
				Severity: severity, What: fmt.Sprintf("the first of %d events that consumer %s has not settled waits for %s", one.waiting(), one.label, behind.Round(time.Second)),
				Why: "its handlers are slower than events come, or fail and are tried again; or nobody is there", Do: "contrail subscriptions show " + one.Name + ", and its program's log",
				Values: values{"consumer": one.Name, "pending": one.NumPending, "in_hand": one.NumAckPending, "redelivered": one.NumRedelivered, "seconds": behind.Seconds()},
			})
		}
	}
	return orGood(found, values{"consumers": len(durables(all))}, "no event waits long for a consumer"), nil
}

// oldestWaiting is when the first message came that a consumer has not settled; zero if it is not there any more. It looks up one message for each
// subject that the consumer filters by, by the stream's index of subjects.
func (d *Doctor) oldestWaiting(ctx context.Context, c consumer) (oldest time.Time, err error) {
	filters := c.Config.FilterSubjects
	if c.Config.FilterSubject != "" {
		filters = []string{c.Config.FilterSubject}
	}
	if len(filters) == 0 || len(filters) > mostFilters {
		filters = []string{">"}
	}
	for _, filter := range filters {
		next, err := d.message(ctx, c.Stream, map[string]any{"seq": c.AckFloor.Stream + 1, "next_by_subj": filter})
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			return oldest, err
		}
		if oldest.IsZero() || next.Time.Before(oldest) {
			oldest = next.Time
		}
	}
	return oldest, nil
}
