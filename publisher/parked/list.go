package parked

import (
	"context"
	"fmt"
	"iter"

	"github.com/jackc/pgx/v5"
)

// Querier is what reads: a pool, a connection or a transaction of pgx.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

const pageEvents = 500

// List yields the events that the filter selects, in the order of relays and positions. Where the filter names no states, these are the
// events that wait for something: parked, held and requeued ones. They are read a page at a time, in constant memory, and each page follows
// the key of the last event, so that none comes twice or is passed over while others change; no connection is held while the loop's body
// runs. An error ends the sequence and comes as its last pair.
func List(ctx context.Context, db Querier, filter Filter) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		if err := filter.Validate(); err != nil {
			yield(Event{}, fmt.Errorf("list parked events: %w", err))
			return
		}
		l := listing{filter: filter.or([]State{Parked, Held, Requeued}), left: filter.Limit}
		for more := true; more; {
			var page []Event
			var err error
			if page, more, err = l.next(ctx, db); err != nil {
				yield(Event{}, fmt.Errorf("list parked events: %w", err))
				return
			}
			for _, event := range page {
				if !yield(event, nil) {
					return
				}
			}
		}
	}
}

// listing is how far it is.
type listing struct {
	filter Filter
	last   *Event // of the page before
	left   int64  // of the filter's limit
}

// next reads a page and tells whether there may be more.
func (l *listing) next(ctx context.Context, db Querier) (page []Event, more bool, err error) {
	size := int64(pageEvents)
	if l.filter.Limit > 0 {
		size = min(size, l.left)
	}
	page, err = readPage(ctx, db, l.filter, l.last, size)
	if err != nil || len(page) == 0 {
		return nil, false, err
	}
	l.last = &page[len(page)-1]
	l.left -= int64(len(page))
	return page, int64(len(page)) == size && l.left != 0, nil // without a limit, left is below zero
}

func readPage(ctx context.Context, db Querier, filter Filter, last *Event, size int64) ([]Event, error) {
	where, beyond, order := filter.where(), `>`, ` ORDER BY p.relay, p.position`
	if filter.Backwards {
		beyond, order = `<`, ` ORDER BY p.relay DESC, p.position DESC`
	}
	if last != nil {
		where.And(`(p.relay, p.position) `+beyond+` (?, ?)`, last.Relay, int64(last.Position))
	}
	statement := `SELECT ` + columns + joined + where.String() + order + where.Bound(` LIMIT ?`, size)
	rows, err := db.Query(ctx, statement, where.Args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (Event, error) { return scan(row) }) //nolint:wrapcheck // List wraps it
}
