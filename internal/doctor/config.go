package doctor

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/publisher"
)

// Config of a [Doctor]. The zero value works.
type Config struct {
	// Stream is the JetStream stream of the events; "" means EVENTS.
	Stream string
	// Prefix begins its subjects, the relay's own; "" means events.
	Prefix string
	// DeadLetters is the JetStream stream of dead letters; "" means DEADLETTERS.
	DeadLetters string
	// Fence is that of the relays, for as long as none of them tells; the zero value is publisher.LastSequence.
	Fence publisher.Fence
	// Monitor is the URL of a nats-server's monitoring port, as in http://localhost:8222. Clients are not told everything: without it, what the server
	// syncs to disk, and how much room it has, is not examined.
	Monitor string

	// Only names the checks to make; empty means all. [Checks] lists them.
	Only []string
	// Timeout bounds each check; 0 means 10 s.
	Timeout time.Duration
	// Limits are the figures from which on something is worth a word.
	Limits Limits
	// Now is the clock of this machine, which those of the servers are compared with; nil means time.Now. It is called from several goroutines.
	Now func() time.Time

	// NoDatabase and NoBroker say why New is given no pool, or no JetStream, although there should be one, as in "PostgreSQL at db:5432 can't be used:
	// connection refused". Nil: nobody has named any.
	NoDatabase, NoBroker error
}

// Limits are figures from which on a finding is a warning. Zero means the default. What is much worse is a danger: each says from when on.
type Limits struct {
	// Appender is for how long a transaction that has appended may be open. Default: 10 s; a danger at 30 times that.
	Appender time.Duration
	// Lag is for how long an event may wait for the relay. Default: 30 s; a danger at ten times that.
	Lag time.Duration
	// Behind is for how long an event may wait for a consumer. Default: 5 min; a danger at twelve times that.
	Behind time.Duration
	// Idle is for how long nobody may ask for a consumer's events while some wait. Default: 5 min.
	Idle time.Duration
	// Skew is how far two clocks may be apart. Default: 1 s; a danger at five times that, from where on advisories of the broker are mistaken for old ones.
	Skew time.Duration
	// Snapshot is how old a transaction may be that keeps VACUUM from its work. Default: 1 h.
	Snapshot time.Duration
	// InboxRows is how many rows the inbox may have that are not folded. Default: 5,000,000.
	InboxRows int64
	// DeadRows is how many dead rows a table may have, if they are more than half of it. Default: 10,000.
	DeadRows int64
	// RetainedBytes is how much write-ahead log a replication slot may keep that nobody reads. Default: 1 GiB.
	RetainedBytes int64
	// DatabaseBytes is how large the database may be; zero: it is not known how much room there is. A danger at a tenth more.
	DatabaseBytes int64
	// Full is how much of what there is may be used: of the broker's storage, of PostgreSQL's connections. Default: 0.8; a danger at 0.95.
	Full float64
}

// full is from when on what is used up is a danger.
const full = 0.95

func (c Config) withDefaults() Config {
	setDefault(&c.Stream, wire.DefaultStream)
	setDefault(&c.Prefix, wire.DefaultPrefix)
	setDefault(&c.DeadLetters, wire.DefaultDeadLetters)
	setDefault(&c.Timeout, 10*time.Second)
	setDefault(&c.Limits.Appender, 10*time.Second)
	setDefault(&c.Limits.Lag, 30*time.Second)
	setDefault(&c.Limits.Behind, 5*time.Minute)
	setDefault(&c.Limits.Idle, 5*time.Minute)
	setDefault(&c.Limits.Skew, time.Second)
	setDefault(&c.Limits.Snapshot, time.Hour)
	setDefault(&c.Limits.InboxRows, 5_000_000)
	setDefault(&c.Limits.DeadRows, 10_000)
	setDefault(&c.Limits.RetainedBytes, 1<<30)
	setDefault(&c.Limits.Full, 0.8)
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// validate reports every fault at once. It looks at a Config with its defaults set.
func (c Config) validate() error {
	var faults []error
	fault := func(bad bool, format string, args ...any) {
		if bad {
			faults = append(faults, fmt.Errorf("doctor.Config: "+format, args...))
		}
	}
	for field, name := range map[string]string{"Stream": c.Stream, "DeadLetters": c.DeadLetters} {
		fault(strings.ContainsAny(name, " .*>/\\\t\r\n"), "%s is %q, must be a JetStream stream name", field, name)
	}
	if err := wire.ValidatePrefix(c.Prefix); err != nil {
		fault(true, "Prefix: %w", err)
	}
	fault(c.Fence != publisher.LastSequence && c.Fence != publisher.MsgID, "Fence is %d, must be LastSequence or MsgID", c.Fence)
	if c.Monitor != "" {
		address, err := url.Parse(c.Monitor)
		fault(err != nil || address.Host == "" || address.Scheme != "http" && address.Scheme != "https", "Monitor must be a URL such as http://localhost:8222")
	}
	for _, name := range c.Only {
		fault(!slices.ContainsFunc(Checks(), func(check Check) bool { return check.Name == name }), "Only: there is no check %q", name)
	}
	fault(c.Timeout < 0, "Timeout is %s, must not be negative", c.Timeout)
	return errors.Join(append(faults, c.Limits.validate())...)
}

func (l Limits) validate() error {
	var faults []error
	for _, limit := range []struct {
		field string
		bad   bool
	}{
		{"Appender", l.Appender < 0},
		{"Lag", l.Lag < 0},
		{"Behind", l.Behind < 0},
		{"Idle", l.Idle < 0},
		{"Skew", l.Skew < 0},
		{"Snapshot", l.Snapshot < 0},
		{"InboxRows", l.InboxRows < 0},
		{"DeadRows", l.DeadRows < 0},
		{"RetainedBytes", l.RetainedBytes < 0},
		{"DatabaseBytes", l.DatabaseBytes < 0},
		{"Full", l.Full < 0},
	} {
		if limit.bad {
			faults = append(faults, fmt.Errorf("doctor.Config: Limits.%s is negative", limit.field))
		}
	}
	if l.Full > full {
		faults = append(faults, fmt.Errorf("doctor.Config: Limits.Full is %v, must be at most %v", l.Full, full))
	}
	return errors.Join(faults...)
}
