package invoicing

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/domain"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/eventstore/erasure"
)

// Transactor runs the domain's transactions on a pool. It holds no state and serves any number of goroutines.
type Transactor struct {
	pool  *pgxpool.Pool
	store *eventstore.Store
}

// TransactorConfig is what may be left out. The zero value works.
type TransactorConfig struct {
	Keys *erasure.Keyring // makes events readable that somebody has encrypted; nil: an aggregate that has one can't be read

	Tracer trace.TracerProvider // makes a span of each append; nil: no spans
	Meter  metric.MeterProvider // counts and times appends; nil: nobody does
}

// NewTransactor returns a transactor on a pool, which stays the caller's to close.
func NewTransactor(pool *pgxpool.Pool, config TransactorConfig) (*Transactor, error) {
	store, err := eventstore.New(eventstore.Config{Keys: config.Keys, Tracer: config.Tracer, Meter: config.Meter})
	if err != nil {
		return nil, err
	}
	return &Transactor{pool: pool, store: store}, nil
}

// InTx runs fn in one transaction. What PostgreSQL refuses because of another transaction, also as late as at the commit, wraps
// [contrail.ErrConflict].
func (t *Transactor) InTx(ctx context.Context, fn func(ctx context.Context, tx domain.Tx) error) error {
	err := pgx.BeginFunc(ctx, t.pool, func(tx pgx.Tx) error { return fn(ctx, session{tx: tx, store: t.store}) })
	return translate(err)
}

// session is the event store, the register and the answers within one transaction.
type session struct {
	tx    pgx.Tx
	store *eventstore.Store
}

// Load reads the whole stream.
func (s session) Load(ctx context.Context, stream contrail.StreamID) iter.Seq2[contrail.Recorded, error] {
	return s.store.Load(ctx, s.tx, stream, 1)
}

// Append expects the stream to be at version, where 0 is no stream at all.
func (s session) Append(
	ctx context.Context, stream contrail.StreamID, version int64, events ...contrail.Event,
) ([]contrail.Recorded, error) {
	expected := eventstore.NoStream
	if version > 0 {
		expected = eventstore.Exactly(version)
	}
	return s.store.Append(ctx, s.tx, stream, expected, events...)
}

// translate marks a serialization failure and a deadlock as the conflicts that they are: the same transaction may pass when it runs again.
// A table that is missing is said to be one of a schema that was not migrated.
func translate(err error) error {
	refusal, refused := errors.AsType[*pgconn.PgError](err)
	switch {
	case !refused:
	case (refusal.Code == "40001" || refusal.Code == "40P01") && !errors.Is(err, contrail.ErrConflict):
		return fmt.Errorf("%w with a concurrent transaction: %w", contrail.ErrConflict, err)
	case (refusal.Code == "42P01" || refusal.Code == "3F000") && !errors.Is(err, eventstore.ErrNotMigrated):
		return fmt.Errorf("%w: run `%s` (%w)", eventstore.ErrNotMigrated, ownSchema().Command, err)
	}
	return err
}
