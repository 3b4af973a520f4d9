package subscribers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"

	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail"
)

// rebuildHooks let tests stop the process where it hurts.
type rebuildHooks struct {
	filled   func(through contrail.Position) // a part of the new read model is committed
	swapping func()                          // the content is replaced, and not committed
	swapped  func()                          // it is committed
}

func noRebuildHooks() rebuildHooks {
	return rebuildHooks{filled: func(contrail.Position) {}, swapping: func() {}, swapped: func() {}}
}

// rebuilder builds a read model anew beside the live one, on a connection of its own, as long as this process is the active one.
type rebuilder struct {
	*term

	conn    *pgx.Conn
	shadow  shadow
	live    []int64           // the tables' object ids, partitions included
	written int64             // rows that the session had written to these when the transaction began
	request string            // its id
	at      contrail.Position // what belongs in the new read model up to here is in it
}

// rebuildWhenAsked rebuilds whenever somebody has asked for it, until ctx ends. What does not succeed is tried again for as long as it is asked for.
func (t *term) rebuildWhenAsked(ctx context.Context) {
	for failure := 0; ; {
		select {
		case <-t.asked:
		case <-ctx.Done():
			return
		}
		err := t.rebuild(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil || errors.Is(err, errPaused) || errors.Is(err, errSuperseded): // the guard asks again if there is more to do
			failure = 0
			continue
		}
		failure++
		t.config.Logger.WarnContext(ctx, "the read model can't be rebuilt yet, trying again", slog.String("projection", t.config.Name), slog.Any("error", err))
		if !wait(ctx, nil, t.config.Backoff.delay(failure)) {
			return
		}
	}
}

// rebuild does what is asked for, from where it was interrupted if it was. An error that trying again can't cure ends the request.
func (t *term) rebuild(ctx context.Context) error {
	conn, err := t.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // rolls back what is not committed, in any case
	r := &rebuilder{term: t, conn: conn, shadow: newShadow(t.config.Name, t.tables)}
	wanted, err := r.begin(ctx)
	if wanted && err == nil {
		err = r.run(ctx)
	}
	switch {
	case err == nil || ctx.Err() != nil || errors.Is(err, errPaused) || errors.Is(err, errSuperseded):
		return err
	case isMisconfigured(err) || contrail.IsPermanent(err):
		return r.fail(ctx, err)
	}
	return errors.Join(err, r.excuse(ctx, err))
}

// connect takes a connection out of the pool, which then may open another in its place.
func (p *Projection) connect(ctx context.Context) (*pgx.Conn, error) {
	pooled, err := p.pool.Acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	conn := pooled.Hijack()
	if _, err := conn.Exec(ctx, keepaliveSQL); err != nil {
		_ = conn.Close(context.WithoutCancel(ctx)) // of no more use
		return nil, fmt.Errorf("connect: %w", err)
	}
	return conn, nil
}

// run fills the new tables up to where the projection is, and once more up to where it has come meanwhile, as long as that halves the distance;
// what is left then is done in the transaction that replaces the read model, while the live one waits.
func (r *rebuilder) run(ctx context.Context) error { //nolint:gocognit // one loop, whose steps have names
	before, waits := contrail.Position(math.MaxInt64), 0
	for {
		if _, err := r.survey(ctx, r.source(r.conn)); err != nil {
			return err
		}
		live, err := readCheckpoint(ctx, r.conn, r.config.Name)
		if err != nil {
			return err
		}
		if err := r.checkStore(ctx, r.source(r.conn), live); err != nil {
			return err
		}
		distance := live.position - r.at
		if distance <= contrail.Position(r.config.Batch) || distance > before/2 {
			done, err := r.swap(ctx)
			if done || err != nil {
				return err
			}
			if waits++; waits > relayPatience {
				return fmt.Errorf("the relay of stream %s has not written down all that the projection has read there: does it run?", r.config.Stream)
			}
			if !wait(ctx, nil, relayPause) { // for the relay to write down what it has published
				return context.Cause(ctx) //nolint:wrapcheck // it is our own
			}
			continue
		}
		before = distance
		for r.at < live.position {
			if err := r.fill(ctx, live); err != nil {
				return err
			}
		}
	}
}

// fill brings one more batch into the new tables.
func (r *rebuilder) fill(ctx context.Context, live checkpoint) error {
	read, err := r.read(ctx, r.source(r.conn), span{r.at, live})
	if err != nil {
		return err
	}
	err = pgx.BeginTxFunc(ctx, r.conn, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) error {
		if err := r.advance(ctx, tx, read, live.position); err != nil {
			return err
		}
		return r.add(ctx, tx, read)
	})
	if err != nil {
		return err //nolint:wrapcheck // what is in it is wrapped
	}
	r.at = read.through
	r.onRebuild.filled(r.at)
	return nil
}

// add has the handler project what was read, and writes down what was left out.
func (r *rebuilder) add(ctx context.Context, tx pgx.Tx, read page) error {
	if err := r.handle(ctx, tx, read.events); err != nil {
		return err
	}
	if err := r.checkWritten(ctx, tx); err != nil {
		return err
	}
	return r.shadow.leaveOut(ctx, tx, read.left)
}

// checkWritten refuses a handler that has written to the live tables, as it does where it names them with their schema: the new ones would stay empty.
func (r *rebuilder) checkWritten(ctx context.Context, tx pgx.Tx) error {
	var written int64
	if err := tx.QueryRow(ctx, isPausedSQL, r.config.Name, r.live).Scan(nil, &written); err != nil {
		return fmt.Errorf("look what the handler has written: %w", err)
	}
	if written > r.written {
		return misconfigured("the handler has written to the live tables %v, and not to those that are built anew, or to another table beside them: "+
			"let it name them without their schemas, and name all of them in ProjectionConfig.Tables", r.tables)
	}
	return nil
}
