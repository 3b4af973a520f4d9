package subscribers

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/contrail-events/contrail/codec"
	"github.com/contrail-events/contrail/internal/wire"
)

// Config says how a [Subscription] consumes. Only Durable is required.
type Config struct {
	// Durable names the JetStream consumer, and the consumer's rows in the inbox. Processes that share it share the work. Any characters
	// but white space, '.', '*', '>', '/' and '\'.
	Durable string

	// Inbox makes [HandleTx] possible. Nil: only [Handle] is.
	Inbox *Inbox

	// Keys makes events readable whose data is encrypted. A handler gets them as if they had never been, and one whose key was deleted with
	// Erased set and the zero value as its data. Nil: such an event becomes a dead letter if there is a handler for its type.
	Keys Opener

	// Stream is the JetStream stream to consume. Default: EVENTS. Run waits for it when it is missing.
	Stream string

	// Prefix is the first part of the events' subjects, the relay's own. Default: events.
	Prefix string

	// Subject is the template of the events' subjects behind Prefix, the relay's own. Default: {category}.{id}.{type}.
	Subject string

	// Categories, Types and Tenants select events: by the category of their stream, by their type, and by the tenant_id in their metadata. An event
	// must be among each list that is not empty. The broker selects where the subjects tell these apart, and sends no others; what it
	// can't tell, such as the tenant in subjects of the default form, the process leaves aside (Stats.Unhandled). They may be changed: what
	// the consumer has passed does not come back.
	Categories, Types, Tenants []string

	// Filter lists the subjects to consume, such as "events.invoice.>", instead of those three. They must not overlap. Default: everything
	// below Prefix.
	Filter []string

	// Codec turns events of former forms into those of today, before their handlers are looked up. An event of a schema that is later than
	// what the codec knows is tried again, since another program may know it. Nil: events are what they were written as.
	Codec *codec.Codec

	// Start is where a consumer begins that does not exist yet. Default: at the stream's first event. One that exists goes on where it is; package
	// subscribers/subscriptions sets it back.
	Start Start

	// MaxDeliver is how often an event is delivered before it is a dead letter. Default: 8. It may be lowered: the broker's bound follows
	// when Run starts and nothing is in hand, since it would drop events that were delivered more often without a word.
	MaxDeliver int

	// AckWait is how long the broker waits for a sign of life before it delivers an event again. Events in hand give one every third of
	// it, so it bounds how long the work of a dead process waits, not how long a handler may take. At least 100 ms. Default: 30 s.
	AckWait time.Duration

	// MaxAckPending is how many events may be in hand at a time, over all processes of the durable. It bounds memory, and a stream with
	// a failing event and many later ones can fill it. Default: 2048.
	MaxAckPending int

	// Concurrency is the number of workers, each with at most one handler and one database connection at a time. Default: 8; with Partitions 2, of each.
	Concurrency int

	// Partitions divides the events, for processes that share the durable and still have to keep the order of each stream: all events of a stream are
	// in one partition, and each partition is handled by one process at a time. The processes tell one another who is there, through the
	// broker, and share the partitions evenly; when one comes or goes, some change hands. Concurrency and MaxAckPending are then for each partition.
	// The number is the greatest number of processes that have work. It can be changed while no process runs and no event waits. At most 256.
	// Default: the events are not divided, and in order within each process only.
	Partitions int

	// HandlerTimeout is how long a handler may take for one event: then its ctx ends, with a cause. A handler that goes on for as long again, or for 30 s
	// if that is shorter, is given up: its transaction's connection is closed, its goroutine is left behind, and the event has failed. At least
	// 1 ms. Default: 5 min.
	HandlerTimeout time.Duration

	// Backoff is the time between deliveries of a failing event.
	Backoff Backoff

	// DeadLetters is the JetStream stream that takes dead letters, on subjects that begin with its name in lower case. It is created when
	// it is missing, with 30 days to live. Default: DEADLETTERS.
	DeadLetters string

	// InboxBatch is the greatest number of events in one transaction, from 1 (each on its own) to 4096. Default: 256. A worker takes what is
	// there and never waits for more.
	InboxBatch int

	// InboxRetention is how long the inbox keeps a row of an event that took effect; then the row is folded into a bitmap, which forgets nothing.
	// At least 1 min; below zero: for ever. Default: 7 days.
	InboxRetention time.Duration

	// DrainTimeout is how long handlers may still run after Run's ctx has ended; then their own ctx ends. Default: 30 s.
	DrainTimeout time.Duration

	// Logger takes what an operator should know. Nil: nothing is logged.
	Logger *slog.Logger

	// NoAttempts turns the journal of failed attempts off, which is the JetStream stream CONTRAIL_ATTEMPTS (package attempts).
	NoAttempts bool

	// Tracer makes a span of each event that is handled, in the trace of its append; nil: no spans.
	Tracer trace.TracerProvider

	// Meter counts and times what is handled, as contrail.handled and others; nil: nobody does.
	Meter metric.MeterProvider
}

func (c Config) withDefaults() Config {
	c.Stream = orDefault(c.Stream, wire.DefaultStream)
	c.Prefix = orDefault(c.Prefix, wire.DefaultPrefix)
	c.MaxDeliver = orDefault(c.MaxDeliver, 8)
	c.AckWait = orDefault(c.AckWait, 30*time.Second)
	c.MaxAckPending = orDefault(c.MaxAckPending, 2048)
	if c.Partitions > 0 {
		c.Concurrency = orDefault(c.Concurrency, 2)
	}
	c.Concurrency = orDefault(c.Concurrency, 8)
	c.HandlerTimeout = orDefault(c.HandlerTimeout, 5*time.Minute)
	c.Backoff = c.Backoff.withDefaults()
	c.DeadLetters = orDefault(c.DeadLetters, wire.DefaultDeadLetters)
	c.InboxBatch = orDefault(c.InboxBatch, 256)
	c.InboxRetention = orDefault(c.InboxRetention, 7*24*time.Hour)
	c.DrainTimeout = orDefault(c.DrainTimeout, 30*time.Second)
	c.Logger = orDefault(c.Logger, slog.New(slog.DiscardHandler))
	return c
}

// validate reports every fault at once. It expects the defaults to be filled in.
func (c Config) validate() error {
	return errors.Join(
		checkName("Durable", c.Durable),
		checkName("Stream", c.Stream),
		checkName("DeadLetters", c.DeadLetters),
		checkPrefix(c.Prefix),
		checkSubject(c.Subject),
		checkFilter(c.Filter),
		c.selection().validate(c.Filter),
		c.Start.validate(),
		checkRange("MaxDeliver", c.MaxDeliver, 1, 1<<20),
		checkRange("MaxAckPending", c.MaxAckPending, 1, 1<<20),
		c.checkPartitions(),
		checkRange("Concurrency", c.Concurrency, 1, 1<<12),
		checkRange("InboxBatch", c.InboxBatch, 1, 1<<12),
		checkRange("AckWait", c.AckWait, 100*time.Millisecond, 24*time.Hour),
		checkRange("HandlerTimeout", c.HandlerTimeout, time.Millisecond, 24*time.Hour),
		checkRetention(c.InboxRetention),
		checkRange("DrainTimeout", c.DrainTimeout, 1, 24*time.Hour),
		c.Backoff.validate(),
	)
}

func (c Config) selection() selection { return selection{c.Categories, c.Types, c.Tenants} }

// filters are the subjects that the consumer filters by.
func (c Config) filters() []string {
	if len(c.Filter) > 0 {
		return c.Filter
	}
	subjects, err := wire.ParseSubjects(c.Prefix, c.Subject)
	if err != nil { // validate has parsed it
		return []string{c.Prefix + ".>"}
	}
	return c.selection().filters(subjects)
}

// inboxName is the consumer's name in the inbox. Positions of two streams are not comparable, so only the usual stream goes without saying.
func (c Config) inboxName() string {
	if c.Stream == wire.DefaultStream {
		return c.Durable
	}
	return c.Stream + "/" + c.Durable
}

func orDefault[T comparable](value, fallback T) T {
	var zero T
	if value == zero {
		return fallback
	}
	return value
}

func checkName(field, name string) error {
	switch {
	case name == "":
		return fmt.Errorf("%s is required", field)
	case strings.ContainsAny(name, " \t\r\n\f.*>/\\"), strings.ContainsFunc(name, unicode.IsControl), !utf8.ValidString(name):
		return fmt.Errorf(`%s: %q must not contain white space, control characters, '.', '*', '>', '/' or '\'`, field, name)
	}
	return nil
}

func checkPrefix(prefix string) error {
	if err := wire.ValidatePrefix(prefix); err != nil {
		return fmt.Errorf("%s: %w", "Prefix", err)
	}
	return nil
}

func checkSubject(template string) error {
	if err := wire.ValidateTemplate(template); err != nil {
		return fmt.Errorf("%s: %w", "Subject", err)
	}
	return nil
}

func checkRetention(retention time.Duration) error {
	if retention < 0 {
		return nil
	}
	return checkRange("InboxRetention", retention, time.Minute, 100*365*24*time.Hour)
}

func checkFilter(filter []string) error {
	var faults []error
	for _, subject := range filter {
		for token := range strings.SplitSeq(subject, ".") {
			if token == "" || strings.ContainsAny(token, " \t\r\n\f") {
				faults = append(faults, fmt.Errorf("%s: %q is not a subject", "Filter", subject))
				break
			}
		}
	}
	return errors.Join(faults...)
}

func checkRange[T int | time.Duration](field string, value, least, most T) error {
	if value < least || value > most {
		return fmt.Errorf("%s: %v is not between %v and %v", field, value, least, most)
	}
	return nil
}
