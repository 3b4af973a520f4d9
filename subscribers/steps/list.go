package steps

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Querier is what reads: a pool, a connection or a transaction of pgx.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

const pageRuns = 200

// Each state has its own walk backwards through the index runs_list, of a page at most; the newest of all of them are the page.
const (
	listSQL = `SELECT ` + recordColumns + ` FROM unnest($1::text[]) AS s(state) CROSS JOIN LATERAL (
			SELECT * FROM contrail.runs AS r WHERE r.state = s.state` + selected + `
				AND (NOT $10 OR (r.began_at, r.id) < ($11::timestamptz, $12::uuid))
			ORDER BY r.began_at DESC, r.id DESC LIMIT $13
		) AS r` + withLease + `ORDER BY r.began_at DESC, r.id DESC LIMIT $13`

	// selected is what a filter's args narrow down to.
	selected = `
		AND ($2 = '' OR r.workflow = $2) AND ($3 = '' OR r.tenant = $3) AND ($4 = '' OR starts_with(r.key, $4))
		AND ($5::timestamptz IS NULL OR r.began_at >= $5) AND ($6::timestamptz IS NULL OR r.began_at < $6)
		AND (NOT $7 OR r.failures > 0) AND ($8::float8 = 0 OR r.due_at < now() - make_interval(secs => $8) AND NOT ` + performing + `)
		AND ($9 = '' OR position($9 IN r.error) > 0 OR position($9 IN r.reason) > 0)`

	// placeSQL uses the key's unique index.
	placeSQL = `SELECT began_at, id FROM contrail.runs WHERE key = $1 AND ($2 = '' OR tenant = $2)`
)

// List yields the runs that the filter selects, the newest first. They are read a page at a time, in constant memory, and each page follows the
// last run's place, so that none comes twice or is passed over while others change; no connection is held while the loop's body runs. A run whose state
// changes meanwhile comes as it stands when its page is read, or not at all if it is not selected then. An error ends the sequence and comes as its last
// pair; it wraps [ErrNotFound] when the filter's Before is the key of no run.
func List(ctx context.Context, db Querier, filter Filter) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		l := listing{filter: filter, left: filter.Limit}
		err := l.begin(ctx, db)
		for more := err == nil; more; {
			var page []Record
			if page, more, err = l.next(ctx, db); err != nil {
				break
			}
			for _, record := range page {
				if !yield(record, nil) {
					return
				}
			}
		}
		if err != nil {
			yield(Record{}, fmt.Errorf("list runs: %w", err))
		}
	}
}

// listing is how far it is.
type listing struct {
	filter Filter
	last   *place // of the page before
	left   int64  // of the filter's limit
}

// place is where a run stands in the list.
type place struct {
	began time.Time
	id    uuid.UUID
}

func (l *listing) begin(ctx context.Context, db Querier) error {
	if err := l.filter.Validate(); err != nil {
		return err
	}
	if len(l.filter.Statuses) == 0 {
		l.filter.Statuses = Statuses()
	}
	if l.filter.Before == "" {
		return nil
	}
	var before place
	err := db.QueryRow(ctx, placeSQL, l.filter.Before, l.filter.Tenant).Scan(&before.began, &before.id)
	if errors.Is(err, pgx.ErrNoRows) {
		err = ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("run %s: %w", l.filter.Before, err)
	}
	l.last = &before
	return nil
}

// next reads a page and tells whether there may be more.
func (l *listing) next(ctx context.Context, db Querier) (page []Record, more bool, err error) {
	size := int64(pageRuns)
	if l.filter.Limit > 0 {
		size = min(size, l.left)
	}
	after := l.last
	if after == nil {
		after = &place{}
	}
	rows, err := db.Query(ctx, listSQL, append(l.filter.args(), l.last != nil, after.began, after.id, size)...)
	if err != nil {
		return nil, false, err
	}
	page, err = pgx.CollectRows(rows, scanRecord)
	if err != nil || len(page) == 0 {
		return nil, false, err //nolint:wrapcheck // List wraps it
	}
	end := page[len(page)-1]
	l.last = &place{end.BeganAt, end.ID}
	l.left -= int64(len(page))
	return page, int64(len(page)) == size && l.left != 0, nil // without a limit, left is below zero
}

// orNull makes no time of the zero time.
func orNull(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	return &at
}
