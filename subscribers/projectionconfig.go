package subscribers

import (
	"errors"
	"log/slog"
	"time"

	"github.com/contrail-events/contrail/internal/wire"
)

// ProjectionConfig says how a [Projection] reads. Only Name is required.
type ProjectionConfig struct {
	// Name is that of the read model: its row in contrail.projections, and what processes compete for to be the active one. The same
	// characters as Config.Durable.
	Name string

	// Keys makes events readable whose data is encrypted; one whose key was deleted reaches the handler with Erased set and null as its data.
	// Nil: such an event reaches the handler as it is, with Sealed set.
	Keys Opener

	// Stream is the JetStream stream to read. Default: EVENTS. Run waits for it when it is missing.
	Stream string

	// Prefix is the first part of the events' subjects, the relay's own. Default: events.
	Prefix string

	// Filter lists the subjects to read, such as "events.invoice.>". They must not overlap. Default: everything below Prefix. A
	// wider one does not bring back what the checkpoint has passed.
	Filter []string

	// Batch is the greatest number of events in one transaction, up to 4096. Default: 512. The handler gets what is there; nothing waits
	// for more.
	Batch int

	// Standby is the time between a standby's tries to become the active one, and between the active one's looks at its lock. At least
	// 10 ms. Default: 1 s.
	Standby time.Duration

	// Backoff is the time between tries of a failing batch, or of a broker or database out of reach.
	Backoff Backoff

	// DrainTimeout is how long the handler may still run after Run's ctx has ended; then its own ctx ends. Default: 30 s.
	DrainTimeout time.Duration

	// Logger takes what an operator should know. Nil: nothing is logged.
	Logger *slog.Logger
}

func (c ProjectionConfig) withDefaults() ProjectionConfig {
	c.Stream = orDefault(c.Stream, wire.DefaultStream)
	c.Prefix = orDefault(c.Prefix, wire.DefaultPrefix)
	if len(c.Filter) == 0 {
		c.Filter = []string{c.Prefix + ".>"}
	}
	c.Batch = orDefault(c.Batch, 512)
	c.Standby = orDefault(c.Standby, time.Second)
	c.Backoff = c.Backoff.withDefaults()
	c.DrainTimeout = orDefault(c.DrainTimeout, 30*time.Second)
	c.Logger = orDefault(c.Logger, slog.New(slog.DiscardHandler))
	return c
}

// validate reports every fault at once. It expects the defaults to be filled in.
func (c ProjectionConfig) validate() error {
	return errors.Join(
		checkName("Name", c.Name),
		checkName("Stream", c.Stream),
		checkPrefix(c.Prefix),
		checkFilter(c.Filter),
		checkRange("Batch", c.Batch, 1, 1<<12),
		checkRange("Standby", c.Standby, 10*time.Millisecond, time.Hour),
		checkRange("DrainTimeout", c.DrainTimeout, 1, 24*time.Hour),
		c.Backoff.validate(),
	)
}
