package jsonl

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail/eventstore"
)

const progressSQL = `SELECT lines, bytes, digest FROM contrail.imports WHERE name = $1`

// advanceSQL locks the import's row until the batch is committed, and changes nothing when another import has gone on meanwhile.
const advanceSQL = `INSERT INTO contrail.imports AS i (name, lines, bytes, digest) VALUES ($1, $2, $3, $4)
ON CONFLICT (name) DO UPDATE SET lines = excluded.lines, bytes = excluded.bytes, digest = excluded.digest, updated_at = now()
WHERE i.bytes = $5`

// attempts is how often a batch is sent that finds the versions taken by an append that was faster.
const attempts = 10

// skip passes over what an earlier call has committed, and makes sure that it is the same.
func (im *importer) skip(ctx context.Context, from *reader) error {
	var lines, size int64
	var digest []byte
	err := im.db.QueryRow(ctx, progressSQL, im.config.Name).Scan(&lines, &size, &digest)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil
	case err != nil:
		return fmt.Errorf("look up the import %q: %w", im.config.Name, migrated(err))
	}
	im.result = Result{Lines: lines, Bytes: size, Skipped: lines}
	skipped := make(chan error, 1)
	go func() { skipped <- from.skip(lines, size, digest) }()
	select {
	case <-ctx.Done():
		err = context.Cause(ctx)
	case err = <-skipped:
	}
	if err != nil {
		return fmt.Errorf("go on with the import %q behind line %d: %w", im.config.Name, lines, err)
	}
	return nil
}

// stepwise imports in a transaction for each batch, which moves the mark of how far it is along with its events.
func (im *importer) stepwise(ctx context.Context) error {
	return im.each(ctx, func(b *batch) error {
		if b.bytes == im.result.Bytes {
			return nil
		}
		for attempt := 1; ; attempt++ {
			remembered := len(im.versions) > 0
			err := im.inTransaction(ctx, func(tx pgx.Tx) error {
				if err := im.advance(ctx, tx, b); err != nil {
					return err
				}
				return b.send(ctx, tx, im.versions)
			})
			if err == nil {
				return nil
			}
			clear(im.versions) // others may have appended since they were read
			conflict, ok := errors.AsType[*eventstore.ConflictError](err)
			if lost := ok && (remembered || conflict.Actual < 0); !lost || attempt == attempts {
				return err
			}
		}
	})
}

func (im *importer) advance(ctx context.Context, tx pgx.Tx, b *batch) error {
	done, err := tx.Exec(ctx, advanceSQL, im.config.Name, b.lines, b.bytes, b.digest, im.result.Bytes)
	if err == nil && done.RowsAffected() == 0 {
		err = ErrImportRunning
	}
	if err != nil {
		return fmt.Errorf("mark the import %q as done up to line %d: %w", im.config.Name, b.lines, migrated(err))
	}
	return nil
}
