package subscribers

import (
	"errors"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

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

	// Subject is the template of the events' subjects behind Prefix, the relay's own. Default: {category}.{id}.{type}.
	Subject string

	// Categories, Types and Tenants select events: by the category of their stream, by their type, and by the tenant_id in their metadata. An event
	// must be among each list that is not empty. The broker selects where the subjects tell these apart; what it can't tell is read and
	// left aside. A wider selection does not bring back what the checkpoint has passed: that takes a rebuild.
	Categories, Types, Tenants []string

	// Filter lists the subjects to read, such as "events.invoice.>", instead of those three. They must not overlap. Default: everything below
	// Prefix.
	Filter []string

	// Tables lists the read model's tables, each as schema.table and owned by this projection alone, so that it can be rebuilt: parents before tables that refer to
	// them. The handler names them without their schemas then: see [ProjectFunc]. Default: none; a rebuild is refused.
	Tables []string

	// Store is the database that the events are read from when the read model is rebuilt: the primary of the event store, with the rights of
	// contrail_read. Default: the read model's own.
	Store Querier

	// Batch is the greatest number of events in one transaction, up to 4096. Default: 512. The handler gets what is there; nothing waits
	// for more.
	Batch int

	// Standby is the time between a standby's tries to become the active one, and between the active one's looks at its lock, and at what persons
	// want of it. At least 10 ms. Default: 1 s.
	Standby time.Duration

	// Backoff is the time between tries of a failing batch, or of a broker or database out of reach.
	Backoff Backoff

	// DrainTimeout is how long the handler may still run after Run's ctx has ended; then its own ctx ends. Default: 30 s.
	DrainTimeout time.Duration

	// Logger takes what an operator should know. Nil: nothing is logged.
	Logger *slog.Logger

	// Tracer makes a span of each batch, linked to the traces of its events; nil: no spans.
	Tracer trace.TracerProvider

	// Meter counts and times what is projected, as contrail.projected and contrail.project.duration; nil: nobody does.
	Meter metric.MeterProvider
}

func (c ProjectionConfig) withDefaults() ProjectionConfig {
	c.Stream = orDefault(c.Stream, wire.DefaultStream)
	c.Prefix = orDefault(c.Prefix, wire.DefaultPrefix)
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
		checkSubject(c.Subject),
		c.selection().validate(c.Filter),
		checkFilter(c.Filter),
		checkTables(c.Tables),
		checkRange("Batch", c.Batch, 1, 1<<12),
		checkRange("Standby", c.Standby, 10*time.Millisecond, time.Hour),
		checkRange("DrainTimeout", c.DrainTimeout, 1, 24*time.Hour),
		c.Backoff.validate(),
	)
}

func (c ProjectionConfig) selection() selection { return selection{c.Categories, c.Types, c.Tenants} }
