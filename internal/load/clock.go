package load

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// clock is the run's: it counts from when the run began, and translates the broker's timestamps.
type clock struct {
	began time.Time
	ahead time.Duration // the broker's clock
}

// now is by a clock that nobody sets.
func (c clock) now() time.Duration { return time.Since(c.began) }

// broker is a time that the broker has told.
func (c clock) broker(at time.Time) time.Duration { return at.Sub(c.began) - c.ahead }

// clockAsks is how often the broker is asked for the time. The quickest answer is the best.
const clockAsks = 5

// clockAhead is how far the clock of a stream's leader is ahead of ours, as far as that can be told: half of an answer's way may be the request's, or
// all of it. What is less than that is taken for nothing.
func clockAhead(ctx context.Context, stream jetstream.Stream) (time.Duration, error) {
	best, ahead := time.Duration(-1), time.Duration(0)
	for range clockAsks {
		asked := time.Now()
		info, err := stream.Info(ctx)
		if err != nil {
			return 0, fmt.Errorf("ask for the time of the broker: %w", err)
		}
		took := time.Since(asked)
		if best >= 0 && took >= best {
			continue
		}
		best, ahead = took, info.TimeStamp.Sub(asked.Add(took/2))
	}
	if ahead.Abs() <= best/2 {
		return 0, nil
	}
	return ahead, nil
}
