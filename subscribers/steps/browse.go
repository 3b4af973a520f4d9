package steps

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Turn is where [Browse] begins. The zero value is the newest run.
type Turn struct {
	Before uuid.UUID // with the runs that began before this one
	After  uuid.UUID // with those that began after it, next to it first
}

// Page is what [Browse] has found.
type Page struct {
	Records []Record // the newest first, or with Turn.After the oldest

	// Looked is the last run that was looked at when the time was up: go on from it. Zero: the page is full, or there is nothing more.
	Looked uuid.UUID
}

const (
	// DefaultPage is how many runs [Browse] returns where the filter has no limit.
	DefaultPage = 100

	browseStretch = 5000                   // runs of each state that are looked at in one statement
	browseTime    = 100 * time.Millisecond // after which no further statement is begun
)

// Each state has its own walk along the index runs_list, as in listSQL, of a stretch at most: the first of their ends is the edge up to which all of them have come.
const (
	browseEdgeSQL = `SELECT r.began_at, r.id FROM unnest($1::text[]) AS s(state) CROSS JOIN LATERAL (
			SELECT r.began_at, r.id FROM contrail.runs AS r WHERE r.state = s.state AND (NOT $2 OR (r.began_at, r.id) %[1]s ($3::timestamptz, $4::uuid))
			ORDER BY r.began_at %[2]s, r.id %[2]s OFFSET $5 LIMIT 1
		) AS r ORDER BY r.began_at %[2]s, r.id %[2]s LIMIT 1`
	browseSQL = `SELECT ` + recordColumns + ` FROM unnest($1::text[]) AS s(state) CROSS JOIN LATERAL (
			SELECT * FROM contrail.runs AS r WHERE r.state = s.state` + selected + `
				AND (NOT $10 OR (r.began_at, r.id) %[1]s ($11::timestamptz, $12::uuid)) AND (NOT $13 OR (r.began_at, r.id) %[3]s ($14::timestamptz, $15::uuid))
			ORDER BY r.began_at %[2]s, r.id %[2]s LIMIT $16
		) AS r` + withLease + `ORDER BY r.began_at %[2]s, r.id %[2]s LIMIT $16`

	// placeOfSQL uses the primary key. A place may be that of a run that is not selected: see [Page].Looked.
	placeOfSQL = `SELECT began_at, id FROM contrail.runs WHERE id = $1`
)

// Browse returns a page of what [List] would yield, in a time that is bounded however many runs there are: where the filter narrows down more than states and
// times, it looks at the newest ones for a tenth of a second, and tells how far it has come. The filter's Before is of no account. The error wraps
// [ErrNotFound] when the turn names no run, as one that was purged.
func Browse(ctx context.Context, db Querier, filter Filter, turn Turn) (Page, error) {
	if filter.Limit == 0 {
		filter.Limit = DefaultPage
	}
	if len(filter.Statuses) == 0 {
		filter.Statuses = Statuses()
	}
	page, err := browse(ctx, db, filter, turn)
	if err != nil {
		return Page{}, fmt.Errorf("browse runs: %w", err)
	}
	return page, nil
}

func browse(ctx context.Context, db Querier, filter Filter, turn Turn) (page Page, err error) {
	if err := filter.Validate(); err != nil {
		return page, err
	}
	b := browser{db: db, filter: filter, up: turn.After != uuid.Nil}
	if b.at, err = b.begin(ctx, turn); err != nil {
		return page, err
	}
	for until := time.Now().Add(browseTime); ; {
		edge, err := b.edge(ctx)
		if err != nil {
			return page, err
		}
		found, err := b.read(ctx, edge, filter.Limit-int64(len(page.Records)))
		if err != nil {
			return page, err
		}
		page.Records = append(page.Records, found...)
		switch {
		case edge == nil, int64(len(page.Records)) == filter.Limit:
			return page, nil
		case time.Now().After(until):
			page.Looked = edge.id
			return page, nil
		}
		b.at = edge
	}
}

// browser walks along the states, side by side.
type browser struct {
	db     Querier
	filter Filter
	up     bool   // to the newer ones
	at     *place // that it is behind; nil: nothing was looked at
}

func (b *browser) begin(ctx context.Context, turn Turn) (*place, error) {
	id := turn.Before
	if b.up {
		id = turn.After
	}
	if id == uuid.Nil {
		return nil, nil //nolint:nilnil // the newest
	}
	var at place
	err := b.db.QueryRow(ctx, placeOfSQL, id).Scan(&at.began, &at.id)
	if errors.Is(err, pgx.ErrNoRows) {
		err = ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", id, err)
	}
	return &at, nil
}

// directed is a statement in the direction of the walk.
func (b *browser) directed(statement string) string {
	if b.up {
		return fmt.Sprintf(statement, `>`, `ASC`, `<=`)
	}
	return fmt.Sprintf(statement, `<`, `DESC`, `>=`)
}

// or is the place, or any, and whether there is one.
func (p *place) or() (given bool, began time.Time, id uuid.UUID) {
	if p == nil {
		return false, time.Time{}, uuid.Nil
	}
	return true, p.began, p.id
}

// edge is where the next stretch ends; nil: what is left is less than that.
func (b *browser) edge(ctx context.Context) (*place, error) {
	var edge place
	given, began, id := b.at.or()
	err := b.db.QueryRow(ctx, b.directed(browseEdgeSQL), b.filter.Statuses, given, began, id, browseStretch-1).Scan(&edge.began, &edge.id)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil //nolint:nilnil // none, and no fault
	}
	return &edge, err //nolint:wrapcheck // Browse wraps it
}

// read returns what the stretch has, at most so many.
func (b *browser) read(ctx context.Context, edge *place, limit int64) ([]Record, error) {
	behind, from, first := b.at.or()
	bounded, to, last := edge.or()
	rows, err := b.db.Query(ctx, b.directed(browseSQL), append(b.filter.args(), behind, from, first, bounded, to, last, limit)...)
	if err != nil {
		return nil, err
	}
	found, err := pgx.CollectRows(rows, scanRecord)
	if err != nil {
		return nil, err //nolint:wrapcheck // likewise
	}
	return slices.Clip(found), nil
}
