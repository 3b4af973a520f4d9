package jsonl

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail/eventstore"
)

// DB is what importing needs: a *pgxpool.Pool or a *pgx.Conn.
type DB interface {
	eventstore.Querier
	BeginTx(ctx context.Context, options pgx.TxOptions) (pgx.Tx, error)
}

// Import appends the events of r, one a line, by COPY, in the order of the lines. Lines are read and checked while others are copied.
//
// A version that a line gives must be the one that follows in its stream, and an id must be new: repeating an import is an error, not a
// repetition. Encrypted data must come with the id, stream and type that it was encrypted for. The first line that can't be taken ends the import
// with a [*LineError]. Then, or when r, the database or ctx fails, nothing of it is in the store; only where the connection is lost while the
// database commits, nobody knows: [ErrInDoubt]. With cfg.Resume what was committed before stays, the Result says how far that is, and a call with the same
// Name and the same input (or one that has grown at its end, or was corrected behind that point) goes on there, so that each line is taken once
// however often it is broken off. An input that begins otherwise is refused with [ErrOtherInput].
//
// When Import returns early, a Read of r that is under way is not waited for; nothing is read after it.
func Import(ctx context.Context, db DB, r io.Reader, cfg Config) (Result, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return Result{}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	im := importer{db: db, config: cfg, versions: versions{}}
	from := newReader(interruptible(ctx, r), cfg.MaxLineBytes, nil)
	if cfg.Resume {
		from.hash = sha256.New()
		if err := im.skip(ctx, from); err != nil {
			return im.result, im.explain(ctx, err)
		}
	}
	im.producer = newProducer(from, cfg)
	go im.producer.run(ctx)
	if cfg.Resume {
		err = im.stepwise(ctx)
	} else if err = im.atOnce(ctx); err != nil {
		im.result = Result{}
	}
	return im.result, im.explain(ctx, err)
}

// importer is one call.
type importer struct {
	db       DB
	config   Config
	producer *producer
	versions versions
	result   Result
}

// inTransaction commits what do did, at READ COMMITTED, whatever the default may be: each statement has to see what others have appended meanwhile.
func (im *importer) inTransaction(ctx context.Context, do func(tx pgx.Tx) error) error {
	tx, err := im.db.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.ReadCommitted})
	if err != nil {
		return fmt.Errorf("begin a transaction: %w", err)
	}
	defer tx.Rollback(ctx)
	if err := do(tx); err != nil {
		return err
	}
	return commit(ctx, tx)
}

// atOnce imports in one transaction.
func (im *importer) atOnce(ctx context.Context) error {
	return im.inTransaction(ctx, func(tx pgx.Tx) error {
		return im.each(ctx, func(b *batch) error { return b.send(ctx, tx, im.versions) })
	})
}

// each does something with batch after batch, up to the last one, and returns why that was the last one.
func (im *importer) each(ctx context.Context, do func(*batch) error) error {
	for {
		b, err := im.producer.take(ctx)
		if err == nil {
			err = do(b)
		}
		if err != nil {
			return err
		}
		im.result.Events += int64(len(b.rows))
		im.result.Lines, im.result.Bytes = b.lines, b.bytes
		if im.config.Progress != nil {
			im.config.Progress(im.result)
		}
		switch {
		case errors.Is(b.err, io.EOF):
			return nil
		case b.err != nil:
			return b.err
		}
		im.producer.give(b)
	}
}

// explain says of an id that is taken where it stands; that can be asked only now that the transaction is over.
func (im *importer) explain(ctx context.Context, err error) error {
	taken, ok := errors.AsType[*eventstore.DuplicateError](err)
	if !ok {
		return err
	}
	store, failed := eventstore.New(eventstore.Config{})
	if failed != nil {
		return errors.Join(err, failed)
	}
	event, failed := store.Find(ctx, im.db, taken.ID)
	switch {
	case failed == nil:
		taken.Stream, taken.Version, taken.Position = event.Stream, event.Version, event.Position
	case !errors.Is(failed, eventstore.ErrNotFound):
		err = errors.Join(err, failed)
	}
	return err
}
