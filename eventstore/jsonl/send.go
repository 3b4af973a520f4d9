package jsonl

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail/eventstore"
)

// send copies the rows into contrail.events, in tx. The lock that it takes is the one of an append.
func (b *batch) send(ctx context.Context, tx pgx.Tx, known versions) error {
	if len(b.rows) == 0 {
		return nil
	}
	at, now, err := known.of(ctx, tx, b.streams)
	if err != nil {
		return b.refused(err)
	}
	if err := b.number(at, now); err != nil {
		return err
	}
	if _, err := tx.Conn().PgConn().CopyFrom(ctx, bytes.NewReader(b.copy), copySQL); err != nil {
		return b.refused(err)
	}
	known.remember(b.streams, at)
	return nil
}

// number gives each event the version that follows in its stream, which must be its own if it has one, and the time now unless it has its own.
// It counts the versions that the streams are at on.
func (b *batch) number(at []int64, now time.Time) error {
	for _, r := range b.rows {
		actual := at[r.stream]
		if r.version != 0 && r.version != actual+1 {
			conflict := &eventstore.ConflictError{Stream: b.streamOf(r), Expected: eventstore.Exactly(r.version - 1), Actual: actual}
			hint := "import what comes before it first, or leave the version out"
			if r.version <= actual {
				hint = "was it imported before? To put the event at the stream's end, leave id and version out"
			}
			return &LineError{Line: r.line, Err: fmt.Errorf("version %d does not follow: %w; %s", r.version, conflict, hint)}
		}
		at[r.stream]++
		b.putVersion(r, at[r.stream])
		if !r.timed {
			b.putTime(r, now)
		}
	}
	return nil
}
