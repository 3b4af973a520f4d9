package subscribers

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

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

	// Filter lists the subjects to consume, such as "events.invoice.>". They must not overlap. Default: everything below Prefix.
	Filter []string

	// MaxDeliver is how often an event is delivered before it is a dead letter. Default: 8. Lowering it strands events that have been
	// delivered that often already: the broker drops them without a word.
	MaxDeliver int

	// AckWait is how long the broker waits for a sign of life before it delivers an event again. Events in hand give one every third of
	// it, so it bounds how long the work of a dead process waits, not how long a handler may take. At least 100 ms. Default: 30 s.
	AckWait time.Duration

	// MaxAckPending is how many events may be in hand at a time, over all processes of the durable. It bounds memory, and a stream with
	// a failing event and many later ones can fill it. Default: 2048.
	MaxAckPending int

	// Concurrency is the number of workers, each with at most one handler and one database connection at a time. Default: 8.
	Concurrency int

	// Backoff is the time between deliveries of a failing event.
	Backoff Backoff

	// DeadLetters is the JetStream stream that takes dead letters, on subjects that begin with its name in lower case. It is created when
	// it is missing, with 30 days to live. Default: DEADLETTERS.
	DeadLetters string

	// InboxBatch is the greatest number of events in one transaction, from 1 (each on its own) to 4096. Default: 256. A worker takes what is
	// there and never waits for more.
	InboxBatch int

	// DrainTimeout is how long handlers may still run after Run's ctx has ended; then their own ctx ends. Default: 30 s.
	DrainTimeout time.Duration

	// Logger takes what an operator should know. Nil: nothing is logged.
	Logger *slog.Logger
}

func (c Config) withDefaults() Config {
	c.Stream = orDefault(c.Stream, wire.DefaultStream)
	c.Prefix = orDefault(c.Prefix, wire.DefaultPrefix)
	if len(c.Filter) == 0 {
		c.Filter = []string{c.Prefix + ".>"}
	}
	c.MaxDeliver = orDefault(c.MaxDeliver, 8)
	c.AckWait = orDefault(c.AckWait, 30*time.Second)
	c.MaxAckPending = orDefault(c.MaxAckPending, 2048)
	c.Concurrency = orDefault(c.Concurrency, 8)
	c.Backoff = c.Backoff.withDefaults()
	c.DeadLetters = orDefault(c.DeadLetters, wire.DefaultDeadLetters)
	c.InboxBatch = orDefault(c.InboxBatch, 256)
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
		checkFilter(c.Filter),
		checkRange("MaxDeliver", c.MaxDeliver, 1, 1<<20),
		checkRange("MaxAckPending", c.MaxAckPending, 1, 1<<20),
		checkRange("Concurrency", c.Concurrency, 1, 1<<12),
		checkRange("InboxBatch", c.InboxBatch, 1, 1<<12),
		checkRange("AckWait", c.AckWait, 100*time.Millisecond, 24*time.Hour),
		checkRange("DrainTimeout", c.DrainTimeout, 1, 24*time.Hour),
		c.Backoff.validate(),
	)
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
	case strings.ContainsAny(name, " \t\r\n\f.*>/\\"):
		return fmt.Errorf(`%s: %q must not contain white space, '.', '*', '>', '/' or '\'`, field, name)
	}
	return nil
}

func checkPrefix(prefix string) error {
	if err := wire.ValidatePrefix(prefix); err != nil {
		return fmt.Errorf("%s: %w", "Prefix", err)
	}
	return nil
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
