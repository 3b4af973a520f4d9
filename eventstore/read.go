package eventstore

import (
	"context"
	"fmt"
	"iter"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/contrail-events/contrail"
)

// Read yields what the query selects of all settled events, in position order. It ends at the horizon as it was when the loop began: what
// is committed above it by then may have a neighbour that is not, and a reader that goes on from the last position it has seen must not
// pass over that one. That position may be kept for ever; a [Horizon] may not. To follow the events as they come, use a [Feed].
//
// Events are read a page at a time, each in a statement of its own, in constant memory; no connection is held while the loop's body runs. db may be
// a transaction, but only at READ COMMITTED ([ErrIsolation]), and it does not see its own events, which are not settled. An error
// ends the sequence and comes as its last pair.
func (s *Store) Read(ctx context.Context, db Querier, query Query) iter.Seq2[contrail.Recorded, error] {
	var mode []any
	after, until := query.After, contrail.Position(0)
	wrap := func(err error) error { return fmt.Errorf("read events after position %d: %w", after, err) }
	return pages(query.Limit, wrap, func(w *window, last *contrail.Recorded) ([]contrail.Recorded, bool, error) {
		if last == nil {
			after = query.After
			if err := query.Validate(); err != nil {
				return nil, false, err
			}
			horizon, err := Horizon(ctx, db)
			if err != nil {
				return nil, false, err
			}
			mode = plannedAnew(db)
			if until = horizon; query.Until > 0 {
				until = min(query.Until, horizon)
			}
		} else if query.Backwards {
			until = last.Position - 1
		} else {
			after = last.Position
		}
		condition, args := query.condition(after, until)
		return s.page(ctx, db, w, s.source+condition, append(mode, args...)...)
	})
}

// plannedAnew is what pgx is told, ahead of a statement's arguments, to have the statement planned for these very arguments. One that it
// keeps prepared, as it does by default, is planned by the server for any arguments after a few calls, and then walks the whole table for a
// rare category, and sorts a long stream for each page of it. Other modes are left as they are: they prepare nothing, and may be what a proxy
// needs.
func plannedAnew(db Querier) []any {
	var config *pgx.ConnConfig
	switch db := db.(type) {
	case *pgxpool.Pool:
		config = db.Config().ConnConfig
	case *pgx.Conn:
		config = db.Config()
	case interface{ Conn() *pgx.Conn }: // a transaction, or a connection of a pool
		config = db.Conn().Config()
	}
	if config == nil || config.DefaultQueryExecMode != pgx.QueryExecModeCacheStatement || config.DescriptionCacheCapacity == 0 {
		return nil
	}
	return []any{pgx.QueryExecModeCacheDescribe}
}
