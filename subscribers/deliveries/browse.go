package deliveries

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail/internal/sqltext"
)

// Page is what [Browse] has found.
type Page struct {
	Records []Record

	// Looked is the last delivery that was looked at when the time was up: go on After it. Zero: the page is full, or there is nothing more.
	Looked uuid.UUID
}

const (
	// DefaultPage is how many deliveries [Browse] returns where the filter has no limit.
	DefaultPage = 100

	browseStretch = 5000                   // deliveries that are looked at in one statement
	browseTime    = 100 * time.Millisecond // after which no further statement is begun
)

// Browse returns a page of what [List] would yield, in a time that is bounded however many deliveries there are: where no index leads to what the filter
// selects, it looks at the newest ones (or the oldest ones) for a tenth of a second, and tells how far it has come. With an event, states, standings or
// a recipient an index leads there.
func Browse(ctx context.Context, db Querier, filter Filter) (Page, error) {
	if filter.Limit == 0 {
		filter.Limit = DefaultPage
	}
	page, err := browse(ctx, db, filter)
	if err != nil {
		return Page{}, fmt.Errorf("browse deliveries: %w", err)
	}
	return page, nil
}

func browse(ctx context.Context, db Querier, filter Filter) (page Page, err error) {
	if err := filter.Validate(); err != nil {
		return page, err
	}
	b := browser{db: db, filter: filter, at: filter.After}
	if err := b.choose(ctx); err != nil {
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
		case edge == uuid.Nil, int64(len(page.Records)) == filter.Limit:
			return page, nil
		case time.Now().After(until):
			page.Looked = edge
			return page, nil
		}
		b.at = edge
	}
}

// browser walks along indexes, side by side, in the order of IDs.
type browser struct {
	db     Querier
	filter Filter
	at     uuid.UUID // that it is behind; zero: nothing was looked at

	// The ways to walk: for each consumer, states or a recipient. None: the primary key.
	consumers, values []string
	column            string
}

// consumersSQL skips from one consumer to the next along the index deliveries_list.
const consumersSQL = `WITH RECURSIVE c AS (
		(SELECT consumer FROM contrail.deliveries ORDER BY consumer LIMIT 1)
		UNION ALL SELECT (SELECT d.consumer FROM contrail.deliveries d WHERE d.consumer > c.consumer ORDER BY d.consumer LIMIT 1) FROM c WHERE c.consumer IS NOT NULL
	) SELECT consumer FROM c WHERE consumer IS NOT NULL`

// choose finds the ways.
func (b *browser) choose(ctx context.Context) error {
	states := b.states()
	var values []string
	switch {
	case b.filter.Event != uuid.Nil:
		return nil
	case b.filter.Recipient != "":
		b.column, values = `d.recipient`, []string{b.filter.Recipient}
	case len(states) < len(States()) || b.filter.Consumer != "":
		b.column, values = `d.state`, states
	default:
		return nil
	}
	consumers := []string{b.filter.Consumer}
	if b.filter.Consumer == "" {
		rows, err := b.db.Query(ctx, consumersSQL)
		if err != nil {
			return err
		}
		if consumers, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
			return err //nolint:wrapcheck // Browse wraps it
		}
	}
	for _, consumer := range consumers {
		for _, value := range values {
			b.consumers, b.values = append(b.consumers, consumer), append(b.values, value)
		}
	}
	return nil
}

// states are those in which what the filter selects may be.
func (b *browser) states() (able []string) {
	for _, state := range States() {
		asked := len(b.filter.States) == 0 || slices.Contains(b.filter.States, state)
		stands := len(b.filter.Standings) == 0 || slices.ContainsFunc(b.filter.Standings, func(s Standing) bool { return slices.Contains(s.states(), state) })
		if asked && stands {
			able = append(able, string(state))
		}
	}
	return able
}

// ways are the walks as a relation w, and the condition that keeps a delivery d on one; empty: the primary key.
func (b *browser) ways(w *sqltext.Where) (relation string) {
	if b.column == "" {
		return `(SELECT 1) AS w`
	}
	w.And(`d.consumer = w.consumer AND ` + b.column + ` = w.value`)
	return w.Bound(`unnest(?::text[], ?::text[]) AS w(consumer, value)`, b.consumers, b.values)
}

// span are the conditions for what is left, up to an edge; zero: all of it.
func (b *browser) span(w *sqltext.Where, edge uuid.UUID) (order string) {
	behind, upTo, order := `d.id < ?`, `d.id >= ?`, ` ORDER BY d.id DESC`
	if b.filter.OldestFirst {
		behind, upTo, order = `d.id > ?`, `d.id <= ?`, ` ORDER BY d.id`
	}
	if b.at != uuid.Nil {
		w.And(behind, b.at)
	}
	if edge != uuid.Nil {
		w.And(upTo, edge)
	}
	return order
}

// edge is the last delivery of the next stretch, the same for all ways; zero: what is left is less than a stretch, or one event's.
func (b *browser) edge(ctx context.Context) (edge uuid.UUID, err error) {
	if b.filter.Event != uuid.Nil {
		return uuid.Nil, nil
	}
	var w sqltext.Where
	relation := b.ways(&w)
	order := b.span(&w, uuid.Nil)
	statement := `SELECT d.id FROM ` + relation + ` CROSS JOIN LATERAL (SELECT d.id FROM contrail.deliveries d` + w.String() + order +
		w.Bound(` OFFSET ? LIMIT 1`, browseStretch-1) + `) AS d` + order + ` LIMIT 1`
	err = b.db.QueryRow(ctx, statement, w.Args...).Scan(&edge)
	if errors.Is(err, pgx.ErrNoRows) {
		return uuid.Nil, nil
	}
	return edge, err //nolint:wrapcheck // Browse wraps it
}

// read returns what the stretch has, at most so many.
func (b *browser) read(ctx context.Context, edge uuid.UUID, limit int64) ([]Record, error) {
	w := b.filter.where()
	relation := b.ways(w)
	order := b.span(w, edge)
	bound := w.Bound(` LIMIT ?`, limit)
	statement := `SELECT ` + recordColumns + recordJoined + ` WHERE d.id IN (SELECT d.id FROM ` + relation + ` CROSS JOIN LATERAL (SELECT d.id` + recordJoined +
		w.String() + order + bound + `) AS d` + order + bound + `)` + order
	rows, err := b.db.Query(ctx, statement, w.Args...)
	if err != nil {
		return nil, err
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Record, error) { return scanRecord(row) })
	if err != nil {
		return nil, err //nolint:wrapcheck // likewise
	}
	return slices.Clip(found), nil
}
