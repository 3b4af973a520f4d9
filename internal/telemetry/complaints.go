package telemetry

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel"
)

// complaintEvery is how often exporters are heard at most: a collector that is down is complained of with every batch.
const complaintEvery = 10 * time.Second

// complaints takes what OpenTelemetry's SDK has to say of itself: a collector that is out of reach, say, which is no reason to fail.
type complaints struct {
	log *slog.Logger
	now func() time.Time

	mu     sync.Mutex
	told   time.Time
	untold int
}

// heed has OpenTelemetry complain here. That is set for the whole process: the SDK knows no other way.
func heed(log *slog.Logger) {
	c := &complaints{log: log, now: time.Now}
	otel.SetErrorHandler(c)
	otel.SetLogger(logr.FromSlogHandler(log.Handler()))
}

// Handle logs one in a while, and how many there were in between.
func (c *complaints) Handle(err error) {
	if err == nil {
		return
	}
	c.mu.Lock()
	now, untold := c.now(), c.untold
	if !c.told.IsZero() && now.Sub(c.told) < complaintEvery {
		c.untold++
		c.mu.Unlock()
		return
	}
	c.told, c.untold = now, 0
	c.mu.Unlock()
	c.log.WarnContext(context.Background(), "telemetry is not exported as it should be", //nolint:forbidigo // OpenTelemetry has no context for it
		slog.Any("error", err), slog.Int("not_told", untold))
}
