package deliveries

import (
	"context"
	"fmt"
	"iter"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

const pageRecords = 500

// List yields the deliveries that the filter selects, the newest first: in the order of their IDs, backwards. They are read a page at a time, in
// constant memory, and each page follows the ID of the last delivery, so that none comes twice or is passed over while others change; no
// connection is held while the loop's body runs, unless db is one. An error ends the sequence and comes as its last pair.
func List(ctx context.Context, db Querier, filter Filter) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		if err := filter.Validate(); err != nil {
			yield(Record{}, fmt.Errorf("list deliveries: %w", err))
			return
		}
		left := filter.Limit
		for more := true; more; {
			size := int64(pageRecords)
			if filter.Limit > 0 {
				size = min(size, left)
			}
			page, err := readPage(ctx, db, filter, size)
			if err != nil {
				yield(Record{}, fmt.Errorf("list deliveries: %w", err))
				return
			}
			for _, record := range page {
				if !yield(record, nil) {
					return
				}
				filter.After = record.ID
			}
			left -= int64(len(page))
			more = int64(len(page)) == size && left != 0 // without a limit it is below zero
		}
	}
}

func readPage(ctx context.Context, db Querier, filter Filter, size int64) ([]Record, error) {
	where, beyond, order := filter.where(), `d.id < ?`, ` ORDER BY d.id DESC`
	if filter.OldestFirst {
		beyond, order = `d.id > ?`, ` ORDER BY d.id`
	}
	if filter.After != uuid.Nil {
		where.And(beyond, filter.After)
	}
	rows, err := db.Query(ctx, `SELECT `+recordColumns+recordJoined+where.String()+order+where.Bound(` LIMIT ?`, size), where.Args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (Record, error) { return scanRecord(row) }) //nolint:wrapcheck // List wraps it
}
