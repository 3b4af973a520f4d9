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
// Its ctx ends DrainTimeout after Run's.
type ProjectFunc func(ctx context.Context, tx pgx.Tx, events []contrail.Delivered[json.RawMessage]) error

// Projection keeps a read model up to date: each event is in it exactly once, and in order, because the read model and the checkpoint
// change in one transaction. One process is active for a name; others stand by.
//
// The relay marks what it publishes out of its order on a person's behalf. An event that was requeued, having been left out before, is
// projected when it is read, although its position is below the checkpoint. One that was missing from the stream, and was repaired, may have
// been projected before it got lost. Where that can't be known it is left out, with a warning; the way out is to rebuild the read model: delete
// its row in contrail.projections and what is in its tables. The stream is then read from its beginning, and whatever is in it is projected.
//
// A stream that is not the one that the checkpoint is about, since it was lost and filled again, is read from its beginning too. What it
// has up to the checkpoint counts as projected then, and requeued and repaired events among it, with the same warning.
type Projection struct {
	js      jetstream.JetStream
	pool    *pgxpool.Pool
	config  ProjectionConfig
	project ProjectFunc
	hooks   hooks
	running atomic.Bool

	began evidence // of the first reading in this process; only Run's own goroutine has it
}

// NewProjection checks config and returns a projection. The error names every field that is wrong. The pool is that of the read model's
// database, which holds contrail.projections; an active projection uses one of its connections, and keeps one of its own.
func NewProjection(js jetstream.JetStream, pool *pgxpool.Pool, config ProjectionConfig, project ProjectFunc) (*Projection, error) {
	config = config.withDefaults()
	err := config.validate()
	if project == nil {
		err = errors.Join(err, errors.New("the handler is nil"))
	}
	if err != nil {
		return nil, fmt.Errorf("configure a projection: %w", err)
	}
	return &Projection{js: js, pool: pool, config: config, project: project, hooks: hooks{committed: func() {}}}, nil
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

	for failure := 1; ; failure++ {
		began := time.Now()
		err := p.lead(ctx, working)
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

// lead is one term as the active process.
func (p *Projection) lead(ctx, working context.Context) error {
	lock, err := p.acquire(ctx)
	if err != nil {
		return err
	}
	defer lock.Close(context.WithoutCancel(ctx)) //nolint:errcheck // ends the session, and with it the lock, in any case
	from, err := p.load(ctx)
	if err != nil {
		return err
	}
	reading, err := p.open(ctx, from)
	if err != nil {
		return err
	}
	defer reading.close(ctx)
	p.config.Logger.InfoContext(ctx, "projection is active", slog.String("projection", p.config.Name),
		slog.Int64("position", int64(from.position)))

	leading, lose := context.WithCancelCause(ctx)
	finished := background(
		func() { lose(p.guard(leading, lock)) },
		func() { lose(reading.feed(leading)) },
	)
	err = p.follow(leading, working, reading, from)
	lose(err)
	finished()
	return err
}

// load reads the checkpoint, and creates it for a new projection.
func (p *Projection) load(ctx context.Context) (checkpoint, error) {
	if _, err := p.pool.Exec(ctx, createSQL, p.config.Name); err != nil {
		return checkpoint{}, fmt.Errorf("create the checkpoint: %w", unmigrated(err))
	}
	return readCheckpoint(ctx, p.pool, p.config.Name)
}

// follow applies what is read, batch by batch, until ctx ends.
func (p *Projection) follow(ctx, working context.Context, reading *reading, from checkpoint) error {
	for {
		events, to, err := reading.gather(ctx, from, p.config.Batch)
		if to != from {
			if err := p.insist(ctx, working, events, from, to); err != nil {
				return err
			}
			from = to
		}
		if err != nil {
			return err
		}
	}
}
