package picture

import (
	"time"

	"github.com/contrail-events/contrail/internal/wire"
)

// Config of a [Reader]. The zero value works.
type Config struct {
	// Stream is the JetStream stream of the events; "" means EVENTS.
	Stream string
	// Prefix begins its subjects; "" means events.
	Prefix string
	// DeadLetters is the JetStream stream of dead letters; "" means DEADLETTERS.
	DeadLetters string
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// NoDatabase and NoBroker say why New is given no pool, or no JetStream, although there should be one, as in "PostgreSQL at db:5432 can't be used:
	// connection refused". Nil: nobody has named any.
	NoDatabase, NoBroker error
	// Limits are bounds on what reading costs, and figures from which on something is a problem.
	Limits Limits
}

// Limits bound what reading costs, and say from when on something is a [Problem]. Zero means the default, and so does what is negative, unless it says otherwise.
type Limits struct {
	// Timeout bounds each part. Default: 5 s.
	Timeout time.Duration
	// Counted is how far the lag and what is parked are counted one by one: above it a lag is told by the distance of positions, and a number as
	// at least so many. Below zero: all are counted. Default: 1,000.
	Counted int64
	// Recount is after what time deliveries, runs, inboxes and what filtered projections have yet to read are counted again: the pictures in between show what
	// they were. Default: 5 s.
	Recount time.Duration

	// Lag is for how long an event may wait for the relay. Default: 30 s; a danger at ten times that.
	Lag time.Duration
	// Appender is for how long a transaction that has appended may be open. Default: 10 s; a danger at 30 times that.
	Appender time.Duration
	// Idle is for how long nobody may ask for a consumer's events while some wait. Default: 1 min.
	Idle time.Duration
	// Behind is how many messages a projection may have yet to read. Default: 10,000.
	Behind int64
	// Overdue is for how long a run may be due without being performed. Default: 5 min.
	Overdue time.Duration
}

func (c Config) withDefaults() Config {
	setDefault(&c.Stream, wire.DefaultStream)
	setDefault(&c.Prefix, wire.DefaultPrefix)
	setDefault(&c.DeadLetters, wire.DefaultDeadLetters)
	if c.Now == nil {
		c.Now = time.Now
	}
	limits := &c.Limits
	setPositive(&limits.Timeout, 5*time.Second)
	if limits.Counted == 0 {
		limits.Counted = 1_000
	}
	setPositive(&limits.Recount, 5*time.Second)
	setPositive(&limits.Lag, 30*time.Second)
	setPositive(&limits.Appender, 10*time.Second)
	setPositive(&limits.Idle, time.Minute)
	setPositive(&limits.Behind, 10_000)
	setPositive(&limits.Overdue, 5*time.Minute)
	return c
}

func setDefault(field *string, value string) {
	if *field == "" {
		*field = value
	}
}

func setPositive[T ~int64](field *T, value T) {
	if *field <= 0 {
		*field = value
	}
}
