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
	// Name of the service, shown in each message's source: /contrail/<Name>/<store id>. "" leaves it out.
	Name string

	// BatchEvents and BatchBytes bound what one Watermill message carries; 0 means 500 events and 4 MiB of data.
	BatchEvents int
	BatchBytes  int
	// InFlight is how many batches may be on their way at once; 0 means 4.
	InFlight int

	// AckTimeout is how long an acknowledgement may take before the outcome counts as unknown; 0 means 5 s. It bounds a drain, too.
	AckTimeout time.Duration
	// Wake is how a relay that has nothing to do learns of new events; the zero value means eventstore.Notify(5 * time.Second). Choose
	// [eventstore.Poll] behind a proxy that pools transactions: the relay then leads by a transaction that stays open, on a second
	// connection, and asks nothing of a session.
	Wake eventstore.Wake
	// RetryMin and RetryMax bound the pause after a transient error, doubled each time and jittered; 0 means 50 ms and 5 s.
	RetryMin, RetryMax time.Duration

	// Middlewares decorate the forwarder's handler, which is called once a batch. They may observe and delay; a batch whose handler
	// fails is sent again.
	Middlewares []message.HandlerMiddleware
	// Identity names this relay to people; "" means host:pid.
	Identity string
	// Logger is told of changes of state (info), retries (warn) and batches (debug); nil means silence.
	Logger *slog.Logger
}

func (c Config) withDefaults() Config {
	setDefault(&c.Stream, wire.DefaultStream)
	setDefault(&c.Prefix, wire.DefaultPrefix)
	setDefault(&c.Replicas, 1)
	setDefault(&c.BatchEvents, 500)
	setDefault(&c.BatchBytes, eventstore.DefaultBatchBytes)
	setDefault(&c.InFlight, 4)
	setDefault(&c.AckTimeout, 5*time.Second)
	setDefault(&c.RetryMin, 50*time.Millisecond)
	setDefault(&c.RetryMax, 5*time.Second)
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
	fault(strings.ContainsAny(c.Name, "/ \t\r\n"), "Name is %q, must be one word without '/'", c.Name)
	fault(c.Replicas < 1 || c.Replicas > 5, "Replicas is %d, must be 1 to 5", c.Replicas)
	fault(c.BatchEvents < 0, "BatchEvents is %d, must not be negative", c.BatchEvents)
	fault(c.BatchBytes < 0, "BatchBytes is %d, must not be negative", c.BatchBytes)
	fault(c.InFlight < 0, "InFlight is %d, must not be negative", c.InFlight)
	fault(c.AckTimeout < 0, "AckTimeout is %s, must not be negative", c.AckTimeout)
	if err := c.Wake.Validate(); err != nil {
		fault(true, "Wake: %w", err)
	}
	fault(c.RetryMin < 0 || c.RetryMax < c.RetryMin, "RetryMin is %s and RetryMax %s, must be in this order", c.RetryMin, c.RetryMax)
	return errors.Join(faults...)
}
