package subscribers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/wire"
)

// ProjectFunc brings events, in the stream's order, into a read model through tx, which it neither commits nor rolls back. That is the order of
// positions, but for an event that the relay had left out and a person has requeued: see [Projection]. An error rolls the batch back and has it tried again for ever, as what follows must not overtake it; only [contrail.Permanent] stops the projection.
// Its ctx ends DrainTimeout after Run's. The server ends a transaction in which nothing is asked for five minutes: its process is taken for frozen.
//
// With ProjectionConfig.Tables it names these tables without their schemas, as in INSERT INTO statement_lines: the transaction's search path
// has the tables' own schemas in front, or, while the read model is rebuilt, the one in which it is built anew. There nothing else of the
// tables' own schemas is found by its bare name: functions, types and tables that the projection does not own are named with their schema.
type ProjectFunc func(ctx context.Context, tx pgx.Tx, events []contrail.Delivered[json.RawMessage]) error

// Projection keeps a read model up to date: each event is in it exactly once, and in order, because the read model and the checkpoint
// change in one transaction. One process is active for a name; others stand by.
//
// The relay marks what it publishes out of its order on a person's behalf. An event that was requeued, having been left out before, is
// projected when it is read, although its position is below the checkpoint. One that was missing from the stream, and was repaired, may have
// been projected before it got lost. Where that can't be known it is left out, with a warning; the way out is to rebuild the read model:
// what is built from the store holds whatever the stream should hold, and from then on it is known of each event.
//
// A stream that is not the one that the checkpoint is about, since it was lost and filled again, is read from its beginning too. What it
// has up to the checkpoint counts as projected then, and requeued and repaired events among it, with the same warning.
//
// # Pause
//
// A person pauses and resumes a projection, and has it rebuilt, with package subscribers/projections or on the command line, wherever the processes run. Paused,
// it stays the active one, and keeps what it has read, but the handler is not called: not for a rebuild either.
//
// # Rebuild
//
// The active process builds the read model anew from the event store (ProjectionConfig.Tables and Store), beside the live one, which goes on
// meanwhile: in a schema of its own, contrail_rebuild_ and the projection's name, by the same handler, in position order. It ends in one
// transaction that replaces what is in the tables, so that readers see either the old content or the new, never a half. An interrupted
// rebuild is gone on with, by whichever process is active then.
//
// Rebuilt, the read model holds each event up to the checkpoint, but for those that the relay has left out of the stream: these are projected
// when they come through it. Of an event that was missing from the stream the store has what the stream lacks, and so has the read model.
// Delivery.Sequence is zero where the event was read from the store.
//
// The new tables are made as CREATE TABLE … (LIKE … INCLUDING ALL) makes them: with defaults, constraints, indexes, generated and identity
// columns, but without foreign keys, triggers and row security. Triggers fire, and foreign keys are checked, when the content is
// replaced: rows are deleted table by table from the last of Tables to the first, and inserted from the first to the last. The database user
// needs CREATE on the database for that schema, USAGE and UPDATE on the sequences of identity columns, and the rights of contrail_read on the store.
type Projection struct {
	js      jetstream.JetStream
	pool    *pgxpool.Pool
	config  ProjectionConfig
	project ProjectFunc
	hooks   hooks
	running atomic.Bool
	turns   projectionTurns

	telemetry *projectionTelemetry // may be nil

	interest  interest
	tables    tables
	onRebuild rebuildHooks
}

// NewProjection checks config and returns a projection. The error names every field that is wrong. The pool is that of the read model's
// database, which holds contrail.projections; an active projection uses one of its connections, keeps one of its own, and
// another one while it rebuilds the read model. Where ProjectionConfig.Keys or the handler use the same pool, it needs two connections at least.
func NewProjection(js jetstream.JetStream, pool *pgxpool.Pool, config ProjectionConfig, project ProjectFunc) (*Projection, error) {
	config = config.withDefaults()
	err := config.validate()
	if project == nil {
		err = errors.Join(err, errors.New("the handler is nil"))
	}
	if err != nil {
		return nil, fmt.Errorf("configure a projection: %w", err)
	}
	p := &Projection{
		js: js, pool: pool, config: config, project: project, hooks: hooks{committed: func() {}}, onRebuild: noRebuildHooks(),
	}
	p.tables, err = parseTables(config.Tables)
	if err == nil {
		p.interest, err = newInterest(config)
	}
	if err == nil {
		p.telemetry, err = newProjectionTelemetry(config)
	}
	if err != nil { // but for the meter's, validate would have found it
		return nil, fmt.Errorf("configure a projection: %w", err)
	}
	return p, nil
}

// Run waits until no other process is active, then projects until ctx ends; a batch that is under way may finish within DrainTimeout. Then
// it returns nil. Broker or database out of reach, a missing stream and a failing handler are logged and tried again for ever. The error
// is the handler's Permanent one, or says that contrail.projections is missing, that events behind the checkpoint are gone from the
// stream, or that there is a message in it that is not an event: nothing behind any of these is projected.
func (p *Projection) Run(ctx context.Context) error {
	if !p.running.CompareAndSwap(false, true) {
		return fmt.Errorf("projection %s: %w", p.config.Name, errRunning)
	}
	defer p.running.Store(false)
	working, stopWorking := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWorking()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(p.config.DrainTimeout, stopWorking) })()

	p.telemetry.start(ctx)
	for failure := 1; ; failure++ {
		began := time.Now()
		err := p.lead(ctx, working)
		p.turns.fail(err)
		switch {
		case ctx.Err() != nil && !isFinal(err):
			return nil
		case isFinal(err) || hopeless(err):
			return fmt.Errorf("projection %s: %w", p.config.Name, err)
		case time.Since(began) > p.config.Backoff.Max:
			failure = 1
		}
		p.config.Logger.WarnContext(ctx, "projection is interrupted, starting it again",
			slog.String("projection", p.config.Name), slog.Any("error", err))
		if !wait(ctx, nil, p.config.Backoff.delay(failure)) {
			return nil
		}
	}
}

// isFinal tells whether nothing but a person can help.
func isFinal(err error) bool {
	_, foreign := errors.AsType[*wire.ForeignError](err)
	return foreign || contrail.IsPermanent(err)
}
