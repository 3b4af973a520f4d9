package dashboard

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// streamList reads a page of streams by their names, skipping from one to the next along the unique index on (stream, version), so that how many events they
// have is of no consequence. The index is in the order of the database's collation. Where that is the order of bytes, streams with the same beginning stand
// together; elsewhere others may stand between them: then it looks at so many streams, and tells how far it has come.
type streamList struct {
	pool          *pgxpool.Pool
	prefix        string // of the names; empty: any
	after, before string // what stands before one in the order of names (by ?after=, like what is newer elsewhere), or behind one
	limit         int

	rows   []streamRow
	looked string
	next   string // there is more behind or, going back, before this one; empty: there is not
}

const streamsLooked = 1000 // streams, where others may stand between those that are asked for

// The first of these is where to begin; each further one costs one probe of the index.
const (
	streamsForwardSQL = `WITH RECURSIVE s AS (
		(SELECT stream, 1 AS n FROM contrail.events WHERE stream %s $1 ORDER BY stream LIMIT 1)
		UNION ALL
		SELECT (SELECT e.stream FROM contrail.events e WHERE e.stream > s.stream ORDER BY e.stream LIMIT 1), s.n + 1 FROM s WHERE s.stream IS NOT NULL AND s.n < $2
	) SELECT stream FROM s WHERE stream IS NOT NULL ORDER BY n`
	streamsBackSQL = `WITH RECURSIVE s AS (
		(SELECT stream, 1 AS n FROM contrail.events WHERE stream < $1 ORDER BY stream DESC LIMIT 1)
		UNION ALL
		SELECT (SELECT e.stream FROM contrail.events e WHERE e.stream < s.stream ORDER BY e.stream DESC LIMIT 1), s.n + 1 FROM s WHERE s.stream IS NOT NULL AND s.n < $2
	) SELECT stream FROM s WHERE stream IS NOT NULL ORDER BY n`

	// streamRowsSQL reads the last event of each, by the same index.
	streamRowsSQL = `SELECT s.stream, e.version, e.type, e.position, e.recorded_at FROM unnest($1::text[]) WITH ORDINALITY AS s(stream, n) CROSS JOIN LATERAL (
			SELECT version, type, position, recorded_at FROM contrail.events WHERE events.stream = s.stream ORDER BY version DESC LIMIT 1
		) AS e ORDER BY s.n`

	// bytewiseSQL tells whether the database compares texts byte by byte: no language has all capitals before the underscore, and that before the small letters.
	bytewiseSQL = `SELECT 'B' < 'a' AND 'Z' < '_' AND '_' < 'a' AND 'a-b' < 'a.a'`
)

// read reads the page.
func (l *streamList) read(ctx context.Context) error {
	names, err := l.names(ctx)
	if err != nil {
		return err
	}
	rows, err := l.pool.Query(ctx, streamRowsSQL, names)
	if err != nil {
		return fmt.Errorf("list streams: %w", err)
	}
	l.rows, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (streamRow, error) {
		var s streamRow
		err := row.Scan(&s.Stream, &s.Version, &s.Type, &s.Position, &s.RecordedAt)
		s.RecordedAt = s.RecordedAt.UTC()
		return s, err //nolint:wrapcheck // it is wrapped below
	})
	if err != nil {
		return fmt.Errorf("list streams: %w", err)
	}
	return nil
}

// names are those of the page, in their order.
func (l *streamList) names(ctx context.Context) ([]string, error) {
	bytewise, most := true, l.limit+1
	if l.prefix != "" {
		if err := l.pool.QueryRow(ctx, bytewiseSQL).Scan(&bytewise); err != nil {
			return nil, fmt.Errorf("list streams: %w", err)
		}
		if !bytewise {
			most = max(streamsLooked, l.limit+1)
		}
	}
	statement, from := l.begin()
	rows, err := l.pool.Query(ctx, statement, from, most)
	if err != nil {
		return nil, fmt.Errorf("list streams: %w", err)
	}
	seen, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("list streams: %w", err)
	}
	names := slices.DeleteFunc(slices.Clone(seen), func(name string) bool { return !strings.HasPrefix(name, l.prefix) })
	switch {
	case len(names) > l.limit:
		names = names[:l.limit]
		l.next = names[l.limit-1]
	case !bytewise && len(seen) == most:
		l.next = seen[most-1]
		l.looked = l.next
	}
	if l.after != "" {
		slices.Reverse(names)
	}
	return names, nil
}

// begin is the statement, and where it begins.
func (l *streamList) begin() (statement, from string) {
	switch {
	case l.after != "":
		return streamsBackSQL, l.after
	case l.before != "":
		return fmt.Sprintf(streamsForwardSQL, ">"), l.before
	}
	return fmt.Sprintf(streamsForwardSQL, ">="), l.prefix
}

// pager has the keys of the pages on the two sides.
func (l *streamList) pager() Pager {
	first, last := "", ""
	if len(l.rows) > 0 {
		first, last = l.rows[0].Stream, l.rows[len(l.rows)-1].Stream
	}
	if l.after != "" {
		if last == "" {
			return Pager{Newer: l.next, Older: l.after}
		}
		return Pager{Newer: l.next, Older: last}
	}
	if l.before == "" {
		first = ""
	}
	return Pager{Newer: first, Older: l.next}
}
