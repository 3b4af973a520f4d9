package publisher

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
)

// ranges is a set of positions, kept as runs of events that follow one another in the store: a million missing events in a row cost as
// much as one.
type ranges struct {
	runs []run // ascending
	open bool  // the last run goes on with the next position added
}

type run struct{ from, to contrail.Position }

// add takes a position above all that are in the set.
func (r *ranges) add(position contrail.Position) {
	if r.open {
		r.runs[len(r.runs)-1].to = position
		return
	}
	r.runs = append(r.runs, run{position, position})
	r.open = true
}

// close ends the last run: what is added next does not follow on it.
func (r *ranges) close() { r.open = false }

// remove takes a position out, and tells whether it was in.
func (r *ranges) remove(position contrail.Position) bool {
	i, _ := slices.BinarySearchFunc(r.runs, position, func(one run, p contrail.Position) int { return int(one.to - p) })
	if i == len(r.runs) || r.runs[i].from > position {
		return false
	}
	one := r.runs[i]
	parts := slices.DeleteFunc([]run{{one.from, position - 1}, {position + 1, one.to}}, func(part run) bool { return part.from > part.to })
	r.runs = slices.Replace(r.runs, i, i+1, parts...)
	r.open = false
	return true
}

// list returns the first positions of the set. It asks the store, since a run says only where it begins and ends.
func (r *ranges) list(ctx context.Context, db eventstore.Querier, limit int) ([]contrail.Position, error) {
	positions := []contrail.Position{}
	for _, one := range r.runs {
		if len(positions) == limit {
			break
		}
		rows, err := db.Query(ctx, `SELECT position FROM contrail.events WHERE position BETWEEN $1 AND $2 ORDER BY position LIMIT $3`,
			int64(one.from), int64(one.to), limit-len(positions))
		if err != nil {
			return nil, fmt.Errorf("list missing events: %w", err)
		}
		found, err := pgx.CollectRows(rows, pgx.RowTo[int64])
		if err != nil {
			return nil, fmt.Errorf("list missing events: %w", err)
		}
		for _, position := range found {
			positions = append(positions, contrail.Position(position))
		}
	}
	return positions, nil
}
