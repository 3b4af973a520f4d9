package publisher

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/wire"
)

// Config of a [Relay]. The zero value works.
type Config struct {
	// Stream is the JetStream stream; "" means EVENTS. It is created where it is missing: file storage, limits retention, no deletes,
	// no purges, a duplicate window of two minutes.
	Stream string
	// Prefix begins every subject, <Prefix>.<category>.<id>.<type>; "" means events.
	Prefix string
	// Replicas of a stream that the relay creates; 0 means 1. An existing stream keeps its own.
	Replicas int
	// Subject is what follows the prefix: tokens joined by '.', in which {category}, {id} and {type} stand for the event's own and every other
	// name in braces for a key of its metadata, as in {tenant_id}.{category}.{id}.{type}. "" means {category}.{id}.{type}. An event whose
	// metadata makes no legal token is refused.
	Subject string
	// Topic is the one topic of all events, for [NewRelayTo] only; "" means that Prefix and Subject make it.
	Topic string
	// Format of a message; the zero value is [Structured].
	Format Format
	// Fence is what keeps the stream exact; the zero value is [LastSequence].
	Fence Fence
	// Name of the service, shown in each message's source: /contrail/<Name>/<store id>. "" leaves it out.
	Name string

	// BatchEvents and BatchBytes bound what one Watermill message carries; 0 means 500 events and 4 MiB of data.
	BatchEvents int
	BatchBytes  int
	// InFlight is how many batches may be on their way at once; 0 means 4.
	InFlight int

	// AckTimeout is how long an acknowledgement may take before the outcome counts as unknown; 0 means 5 s. It bounds a drain, too. A leader whose
	// process hangs or whose host has vanished is replaced after AckTimeout + RetryMax + 2 s, or twice the interval of Wake + 2 s if that is more: 12 s
	// by default.
	AckTimeout time.Duration
	// Wake is how a relay that has nothing to do learns of new events; the zero value means eventstore.Notify(5 * time.Second). Choose
	// [eventstore.Poll] behind a proxy that pools transactions: the relay then leads by a transaction that stays open, on a second
	// connection, and asks nothing of a session.
	Wake eventstore.Wake
	// RetryMin and RetryMax bound the pause after a transient error, doubled each time and jittered; 0 means 50 ms and 5 s.
	RetryMin, RetryMax time.Duration

	// OnPermanent is what happens to an event that is refused again and again; the zero value is [Park].
	OnPermanent OnPermanent
	// Attempts is how often an event may be refused before that; 0 means 8. A broker that can't be reached, has no leader or does not
	// answer is waited for, and never counts.
	Attempts int

	// Middlewares decorate the forwarder's handler, which is called once a batch ([Events] tells which). They may observe and delay; a batch whose
	// handler fails is sent again, and one that fails with [contrail.Permanent] is halved until the event is found that is refused.
	Middlewares []message.HandlerMiddleware
	Hooks       Hooks
	// Heartbeat is how often the relay tells how it fares, takes what it is told and looks after its stream, or a fifth later; 0 means 5 s. From 1 s to
	// 5 s: more would break the promise that a leader whose Wake polls, and that has vanished, is replaced within 15 s, and that a relay obeys within 6 s.
	Heartbeat time.Duration

	// Identity names this relay to people; "" means host:pid.
	Identity string
	// Logger is told of changes of state (info), retries (warn) and batches (debug); nil means silence.
	Logger *slog.Logger

	// Tracer makes a span of each batch, and one of each event whose own trace is sampled; nil: no spans.
	Tracer trace.TracerProvider
	// Meter counts and times what the relay does, as contrail.published and others; nil: nobody does.
	Meter metric.MeterProvider
}

// Bounds of Config.Heartbeat; the upper one is its default.
const (
	minHeartbeat = time.Second
	maxHeartbeat = 5 * time.Second
)

func (c Config) withDefaults() Config {
	setDefault(&c.Stream, wire.DefaultStream)
	setDefault(&c.Prefix, wire.DefaultPrefix)
	setDefault(&c.Replicas, 1)
	setDefault(&c.BatchEvents, 500)
	setDefault(&c.BatchBytes, eventstore.DefaultBatchBytes)
	setDefault(&c.InFlight, 4)
	setDefault(&c.AckTimeout, 5*time.Second)
	setDefault(&c.Attempts, 8)
	setDefault(&c.RetryMin, 50*time.Millisecond)
	setDefault(&c.RetryMax, 5*time.Second)
	setDefault(&c.Heartbeat, maxHeartbeat)
	setDefault(&c.Identity, identity())
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func identity() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return host + ":" + strconv.Itoa(os.Getpid())
}

// validate reports every fault at once. It looks at a Config with its defaults set.
func (c Config) validate() error {
	var faults []error
	fault := func(bad bool, format string, args ...any) {
		if bad {
			faults = append(faults, fmt.Errorf("publisher.Config: "+format, args...))
		}
	}
	fault(strings.ContainsAny(c.Stream, " .*>/\\\t\r\n"), "Stream is %q, must be a JetStream stream name", c.Stream)
	if err := wire.ValidatePrefix(c.Prefix); err != nil {
		fault(true, "Prefix: %w", err)
	}
	if _, err := wire.ParseSubjects(c.Prefix, c.Subject); err != nil && wire.ValidatePrefix(c.Prefix) == nil {
		fault(true, "Subject: %w", err)
	}
	fault(c.Format != Structured && c.Format != Binary, "Format is %d, must be Structured or Binary", c.Format)
	fault(c.Fence != LastSequence && c.Fence != MsgID, "Fence is %d, must be LastSequence or MsgID", c.Fence)
	fault(c.OnPermanent < Park || c.OnPermanent > Halt, "OnPermanent is %d, must be Park, PerStream or Halt", c.OnPermanent)
	fault(c.OnPermanent == PerStream && c.Fence == MsgID, "OnPermanent is PerStream, which needs Fence LastSequence: without it an event's successors may be on their way already")
	fault(c.Attempts < 0, "Attempts is %d, must not be negative", c.Attempts)
	fault(strings.ContainsAny(c.Name, "/ \t\r\n"), "Name is %q, must be one word without '/'", c.Name)
	fault(c.Replicas < 1 || c.Replicas > 5, "Replicas is %d, must be 1 to 5", c.Replicas)
	fault(c.BatchEvents < 0, "BatchEvents is %d, must not be negative", c.BatchEvents)
	fault(c.BatchBytes < 0, "BatchBytes is %d, must not be negative", c.BatchBytes)
	fault(c.InFlight < 0, "InFlight is %d, must not be negative", c.InFlight)
	fault(c.AckTimeout < 0, "AckTimeout is %s, must not be negative", c.AckTimeout)
	fault(c.Heartbeat < minHeartbeat || c.Heartbeat > maxHeartbeat,
		"Heartbeat is %s, must be %s to %s, so that others take over, and the relay obeys, in time", c.Heartbeat, minHeartbeat, maxHeartbeat)
	if err := c.Wake.Validate(); err != nil {
		fault(true, "Wake: %w", err)
	}
	fault(c.RetryMin < 0 || c.RetryMax < c.RetryMin, "RetryMin is %s and RetryMax %s, must be in this order", c.RetryMin, c.RetryMax)
	return errors.Join(faults...)
}
