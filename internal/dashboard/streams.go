package dashboard

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/sqltext"
)

// streamsView is a page of streams, in the order of their names.
type streamsView struct {
	Items []streamRow `json:"items"`
	Pager

	Categories []string `json:"categories"`
	More       bool     `json:"more_categories,omitempty"` // there are more categories than these
	Looked     string   `json:"looked,omitempty"`          // the last stream that was looked at, where others stand between those that are asked for; empty: all were
	Category   string   `json:"-"`
	Prefix     string   `json:"-"`
}

// streamRow is a stream, as a list shows it.
type streamRow struct {
	Stream     string    `json:"stream"`
	Version    int64     `json:"version"` // of its last event
	Type       string    `json:"type"`    // likewise
	Position   int64     `json:"position"`
	RecordedAt time.Time `json:"recorded_at"`
}

// readStreams reads a page of streams: of a category, or of those whose names begin like something.
func (d *Dashboard) readStreams(ctx context.Context, r *request) (any, error) {
	limit, err := r.limit()
	if err != nil {
		return nil, err
	}
	field := func(name string) string { return strings.TrimSpace(r.query().Get(name)) }
	view := &streamsView{Category: field("category"), Prefix: field("prefix")}
	list := streamList{pool: d.pool, prefix: view.Prefix, after: field("after"), before: field("before"), limit: limit}
	var faults fieldFaults
	faults.check("category", view.Category == "" || contrail.NewStreamID(view.Category, "1").Validate() == nil, "%q must be letters, digits and '_'", view.Category)
	for name, text := range map[string]string{"prefix": list.prefix, "after": list.after, "before": list.before} {
		faults.check(name, sqltext.IsText(text), "is no text")
	}
	if err := faults.err(); err != nil {
		return nil, err
	}
	if view.Category != "" && !strings.HasPrefix(list.prefix, view.Category+"-") {
		list.prefix = view.Category + "-" + list.prefix
	}
	if view.Categories, err = d.readCategories(ctx); err != nil {
		return nil, err
	}
	view.More = len(view.Categories) > categoriesMost
	view.Categories = view.Categories[:min(len(view.Categories), categoriesMost)]
	if err := list.read(ctx); err != nil {
		return nil, err
	}
	view.Items, view.Looked, view.Pager = list.rows, list.looked, list.pager()
	return view, nil
}

const categoriesMost = 200

// categoriesSQL skips from one category to the next along the index events_category_idx.
const categoriesSQL = `WITH RECURSIVE c AS (
		(SELECT split_part(stream, '-', 1) AS category, 1 AS n FROM contrail.events ORDER BY split_part(stream, '-', 1) LIMIT 1)
		UNION ALL
		SELECT (SELECT split_part(stream, '-', 1) FROM contrail.events
			WHERE split_part(stream, '-', 1) > c.category ORDER BY split_part(stream, '-', 1) LIMIT 1), c.n + 1
		FROM c WHERE c.category IS NOT NULL AND c.n <= $1
	) SELECT category FROM c WHERE category IS NOT NULL`

// readCategories are all that there are, and one more than a page shows.
func (d *Dashboard) readCategories(ctx context.Context) ([]string, error) {
	rows, err := d.pool.Query(ctx, categoriesSQL, categoriesMost)
	if err != nil {
		return nil, fmt.Errorf("list categories: %w", err)
	}
	categories, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("list categories: %w", err)
	}
	return categories, nil
}
