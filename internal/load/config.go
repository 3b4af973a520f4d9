package load

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/wire"
)

// Defaults of a [Config].
const (
	DefaultSize        = 512
	DefaultStreams     = 64
	DefaultConcurrency = 8
	DefaultDuration    = 10 * time.Second
	DefaultInterval    = time.Second
	DefaultPatience    = 30 * time.Second
	DefaultOutstanding = 1 << 18
)

// Bounds of a [Config].
const (
	LeastSize       = 16                                     // bytes
	MostSize        = eventstore.DefaultMaxEventBytes - 1024 // bytes: the store's own bound, and room for metadata
	MostStreams     = 1 << 20
	MostConcurrency = 1000
	MostBatch       = 10_000
)

// Category is that of every event of a load, and Type its type. The part of a stream behind the category begins with the run's id.
const (
	Category = "load"
	Type     = "LoadAppended"
)

// Config says what to append, and where it goes. The zero value appends for ten seconds as fast as it goes, to an EVENTS stream that some relay fills.
type Config struct {
	Rate        float64       // events a second; 0: as fast as it goes
	Size        int           // bytes of an event's data, as JSON; 0: DefaultSize
	Streams     int           // streams of events, which take turns; 0: DefaultStreams
	Concurrency int           // transactions at a time, each on a connection of its own; 0: DefaultConcurrency
	Batch       int           // events in one transaction, all of one stream; 0: 1
	Duration    time.Duration // how long to append; 0: DefaultDuration, or without end where Count is given
	Count       int64         // so many events end it sooner; 0: no such bound
	Metadata    contrail.Metadata

	Stream  string // the JetStream stream; "": EVENTS. It is waited for
	Prefix  string // of its subjects; "": events
	Subject string // the relay's own template of them; "": {category}.{id}.{type}

	// Durable names a consumer that is made for a [subscribers.Subscription], whose handler is what events arrive at. It stays, and so does what subscriptions
	// make beside it; whoever made the stream deletes all. "": they arrive at an ephemeral consumer, of which nothing is left.
	Durable     string
	DeadLetters string // the subscription's stream of dead letters; "": DEADLETTERS

	// Relay fills the stream, from before the first event until after the last one. Nil: that is another process's doing.
	Relay func(ctx context.Context) error

	Interval    time.Duration // of the throughput's series; 0: DefaultInterval. It doubles when a run gets long
	Patience    time.Duration // how long nothing may happen, or an append may take, before what is missing is given up; 0: DefaultPatience
	Outstanding int           // events that may be on their way, at least Batch; 0: DefaultOutstanding. Beyond that appending waits

	// Progress is called several times a second while the run lasts, never twice at once. Nil: nobody looks.
	Progress func(Progress)
	Logger   *slog.Logger // nil: nothing is logged
}

// Progress is how far a run is.
type Progress struct {
	Elapsed                      time.Duration // since the first event was due
	Appended, Published, Handled int64         // events
}

func (c Config) withDefaults() Config {
	if c.Duration == 0 && c.Count == 0 {
		c.Duration = DefaultDuration
	}
	c.Size = orDefault(c.Size, DefaultSize)
	c.Streams = orDefault(c.Streams, DefaultStreams)
	c.Concurrency = orDefault(c.Concurrency, DefaultConcurrency)
	c.Batch = orDefault(c.Batch, 1)
	c.Stream = orDefault(c.Stream, wire.DefaultStream)
	c.Prefix = orDefault(c.Prefix, wire.DefaultPrefix)
	c.Interval = orDefault(c.Interval, DefaultInterval)
	c.Patience = orDefault(c.Patience, DefaultPatience)
	c.Outstanding = orDefault(c.Outstanding, DefaultOutstanding)
	c.Logger = orDefault(c.Logger, slog.New(slog.DiscardHandler))
	if c.Progress == nil {
		c.Progress = func(Progress) {}
	}
	return c
}

func orDefault[T comparable](value, fallback T) T {
	var zero T
	if value == zero {
		return fallback
	}
	return value
}

// Validate names every faulty field at once, a line each that begins with the field's name.
func (c Config) Validate() error {
	c = c.withDefaults()
	var rate error
	if !(c.Rate >= 0 && c.Rate <= mostRate) { // NaN is neither
		rate = fmt.Errorf("%s is %v; give events a second up to %d, or 0 for as fast as it goes", "Rate", c.Rate, int64(mostRate))
	}
	var subject error
	if _, err := wire.ParseSubjects(c.Prefix, c.Subject); err != nil {
		subject = fmt.Errorf("%s: %w", "Prefix or Subject", err)
	}
	var metadata error
	if err := (contrail.Event{Type: Type, Metadata: c.Metadata}).Validate(); err != nil {
		metadata = fmt.Errorf("%s: %w", "Metadata", err)
	}
	return errors.Join(rate,
		between("Size", c.Size, LeastSize, MostSize), between("Streams", c.Streams, 1, MostStreams),
		between("Concurrency", c.Concurrency, 1, MostConcurrency), between("Batch", c.Batch, 1, MostBatch),
		between("Duration", c.Duration, 0, longest), between("Count", c.Count, 0, numbers-int64(MostConcurrency)),
		between("Interval", c.Interval, time.Millisecond, longest), between("Patience", c.Patience, time.Millisecond, longest),
		between("Outstanding", c.Outstanding, c.Batch, 1<<24), metadata, subject)
}

const (
	mostRate = 1e9
	longest  = 365 * 24 * time.Hour
)

func between[T int | int64 | time.Duration](field string, value, least, most T) error {
	if value < least || value > most {
		return fmt.Errorf("%s is %v; give %v to %v", field, value, least, most)
	}
	return nil
}
