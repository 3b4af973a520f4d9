package eventstore

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/contrail-events/contrail/eventstore/erasure"
)

// Querier is what reading needs: a *pgxpool.Pool, a *pgx.Conn or a pgx.Tx.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// DefaultMaxEventBytes is the default of [Config.MaxEventBytes]: half of what a NATS server takes as one message by default.
const DefaultMaxEventBytes = 512 << 10

// Config of a [Store]. The zero value works.
type Config struct {
	// MaxEventBytes bounds an event's data and metadata together, as JSON; zero means [DefaultMaxEventBytes]. Keep it below the
	// broker's max_payload, less 1 KiB for the envelope.
	MaxEventBytes int

	// Keys encrypt the data of events that name a [contrail.Event] DataSubject, and decrypt it for readers; nil: such events are refused by
	// Append ([ErrNoKeys]), and read as they are stored, with Sealed set.
	Keys *erasure.Keyring

	// Tracer makes a span of each append, whose context the events carry on; nil: no spans, and the events carry the context of the active span.
	Tracer trace.TracerProvider

	// Meter counts and times appends, as contrail.append.duration; nil: nobody does.
	Meter metric.MeterProvider
}

// Store appends events and loads streams. It holds no connection: each call is given the transaction or the pool to work on, so one
// Store serves any number of goroutines.
type Store struct {
	maxEventBytes int
	keys          *erasure.Keyring
	source        string // what it selects from
	telemetry     *telemetry
}

// New returns a store, or an error that names every faulty field of cfg.
func New(cfg Config) (*Store, error) {
	if cfg.MaxEventBytes < 0 {
		return nil, fmt.Errorf("eventstore.Config: MaxEventBytes is %d, must not be negative", cfg.MaxEventBytes)
	}
	if cfg.MaxEventBytes == 0 {
		cfg.MaxEventBytes = DefaultMaxEventBytes
	}
	source := fromEvents
	if cfg.Keys != nil {
		source = fromEventsWithKeys
	}
	told, err := newTelemetry(cfg.Tracer, cfg.Meter)
	if err != nil {
		return nil, fmt.Errorf("eventstore.Config: Meter: %w", err)
	}
	return &Store{maxEventBytes: cfg.MaxEventBytes, keys: cfg.Keys, source: source, telemetry: told}, nil
}
