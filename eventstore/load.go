package eventstore

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail"
)

// They walk the unique indexes on (stream, version) and on id.
const (
	forwards  = `WHERE e.stream = $1 AND e.version >= $2 ORDER BY e.version LIMIT $3`
	backwards = `WHERE e.stream = $1 AND e.version <= $2 ORDER BY e.version DESC LIMIT $3`
	byID      = `WHERE e.id = $1`
)

// Load yields one stream's events in version order, beginning with the version from (0 and 1 both mean the first). A stream that does
// not exist yields nothing. Events are read a page at a time, in constant memory; no connection is held while the loop's body runs, so it may
// use db itself. An error ends the sequence and comes as its last pair.
func (s *Store) Load(ctx context.Context, db Querier, stream contrail.StreamID, from int64) iter.Seq2[contrail.Recorded, error] {
	return s.load(ctx, db, stream, forwards, func(after *contrail.Recorded) int64 {
		if after == nil {
			return from
		}
		return after.Version + 1
	})
}

// LoadBackwards is [Store.Load] from the version from downwards; 0 means from the last.
func (s *Store) LoadBackwards(ctx context.Context, db Querier, stream contrail.StreamID, from int64) iter.Seq2[contrail.Recorded, error] {
	return s.load(ctx, db, stream, backwards, func(after *contrail.Recorded) int64 {
		switch {
		case after != nil:
			return after.Version - 1
		case from == 0:
			return math.MaxInt64
		}
		return from
	})
}

func (s *Store) load(
	ctx context.Context, db Querier, stream contrail.StreamID, order string, from func(after *contrail.Recorded) int64,
) iter.Seq2[contrail.Recorded, error] {
	wrap := func(err error) error { return fmt.Errorf("load %s: %w", stream, err) }
	return pages(0, wrap, func(w *window, after *contrail.Recorded) ([]contrail.Recorded, bool, error) {
		if err := stream.Validate(); err != nil {
			return nil, false, err
		}
		return s.page(ctx, db, w, s.source+order, stream.String(), from(after))
	})
}

// Find returns the event with an id, or [ErrNotFound]. An event that is not settled yet is found, too.
func (s *Store) Find(ctx context.Context, db Querier, id uuid.UUID) (contrail.Recorded, error) {
	event, err := s.scan(db.QueryRow(ctx, s.source+byID, id))
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return event, fmt.Errorf("find event %s: %w", id, ErrNotFound)
	case err != nil:
		return event, fmt.Errorf("find event %s: %w", id, translateRead(err))
	}
	return event, nil
}
