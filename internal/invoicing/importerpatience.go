package invoicing

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/contrail-events/contrail/internal/backoff"
)

// patiently does something again as long as it is an [*UnavailableError], and no longer than patience, with pauses that grow to five seconds, or
// as long as the service asks for.
func patiently(ctx context.Context, patience time.Duration, do func() error) error {
	pauses := backoff.Backoff{Min: 50 * time.Millisecond, Max: 5 * time.Second}
	until := time.Now().Add(patience)
	for attempt := 1; ; attempt++ {
		err := do()
		away, is := errors.AsType[*UnavailableError](err)
		if !is {
			return err
		}
		pause := max(pauses.Delay(attempt), away.After)
		if time.Now().Add(pause).After(until) {
			return fmt.Errorf("given up at attempt %d, within %s: %w; import it again later", attempt, patience, err)
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx) //nolint:wrapcheck // the caller's own
		case <-timer.C:
		}
	}
}
