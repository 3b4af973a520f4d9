package publisher

import (
	"context"
	"errors"
	"log/slog"
	"sync"
)

// RunAll runs relays side by side until ctx ends: those of several stores, say. One that stops by itself stops no other; why is logged at once, and
// returned when all have ended.
func RunAll(ctx context.Context, relays ...*Relay) error {
	faults := make([]error, len(relays))
	var running sync.WaitGroup
	for i, relay := range relays {
		running.Go(func() {
			if faults[i] = relay.Run(ctx); faults[i] != nil {
				relay.config.Logger.ErrorContext(ctx, "a relay has stopped", slogStream(relay.config.Stream), slog.Any("error", faults[i]))
			}
		})
	}
	running.Wait()
	return errors.Join(faults...)
}
