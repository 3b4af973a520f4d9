package picture

import (
	"time"

	"github.com/contrail-events/contrail/publisher"
	"github.com/contrail-events/contrail/publisher/control"
	"github.com/contrail-events/contrail/publisher/parked"
	"github.com/contrail-events/contrail/subscribers/projections"
	"github.com/contrail-events/contrail/subscribers/subscriptions"
)

// Picture is how things stand at one time. A part that is nil could not be read; one that is empty and not nil is known to be empty.
type Picture struct {
	At       time.Time `json:"at"` // when it was read, by this machine's clock
	Postgres Server    `json:"postgres"`
	NATS     Server    `json:"nats"`

	// Store is how far the stream is behind the store. While the broker can't be asked its PublishedPosition and Sequence are what the relay has written
	// down. See [publisher.Status].LagAbout: a large lag is not counted one by one.
	Store *publisher.Status `json:"store"`
	// Streams are those that relays keep a cursor for, and Relays those of all streams.
	Streams []control.Stream `json:"streams"`
	Relays  []control.Relay  `json:"relays"`
	// Parked are the events of the stream that wait, in the states parked, held and requeued.
	Parked map[parked.State]Count `json:"parked"`

	Subscriptions []subscriptions.Subscription `json:"subscriptions"`
	Projections   []Projection                 `json:"projections"`
	// DeadLetters are those that wait for a person, by consumer; a consumer without any is not in it.
	DeadLetters map[string]int64 `json:"dead_letters"`
	// InboxRows are those that are not folded, by consumer: exact up to 10,000, an estimate of PostgreSQL's above.
	InboxRows map[string]int64 `json:"inbox_rows"`

	Deliveries []Ledger   `json:"deliveries"` // by consumer
	Runs       []Workflow `json:"runs"`       // by workflow
	Webhooks   *Endpoints `json:"webhooks"`

	Latency Latency `json:"latency"`

	// Problems are what is wrong, the worst first.
	Problems []Problem `json:"problems"`
	// Unknown are the parts that could not be read.
	Unknown []Unknown `json:"unknown"`
}

// Server is PostgreSQL or NATS.
type Server struct {
	Up        bool    `json:"up"` // it answers, and can serve this version
	Version   string  `json:"version"`
	RoundTrip float64 `json:"round_trip_seconds"` // that a question and its answer took
	Error     string  `json:"error,omitempty"`    // why it is not up

	standing standing
}

// standing is what is the matter with a server that is not up.
type standing int

const (
	refusing standing = iota // it answers, and can't serve
	silent                   // it does not answer
	unopened                 // Config says why
	unnamed                  // nobody has named any
)

// Projection is how a projection stands.
type Projection struct {
	projections.Projection

	// Lag is how many messages of its stream it has yet to read; nil: unknown.
	Lag *int64 `json:"lag"`
}

// Unknown is a part of the picture that could not be read.
type Unknown struct {
	What  string `json:"what"`
	Error string `json:"error"`
}

// Latency is how long events take. A part is nil, or absent, where nothing is known.
type Latency struct {
	// Publish is from recorded to acknowledged, of the events that the leader has published between its last two heartbeats with any.
	Publish *Percentiles `json:"publish"`
	// Handle is from recorded to handled, by consumer, of the last 200 events in its inbox.
	Handle map[string]Percentiles `json:"handle"`
}

// Percentiles of a duration, in seconds.
type Percentiles struct {
	P50 float64 `json:"p50_seconds"`
	P90 float64 `json:"p90_seconds"`
	P99 float64 `json:"p99_seconds"`
	Max float64 `json:"max_seconds"`
}
