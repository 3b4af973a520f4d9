package dashboard

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/contrail-events/contrail/internal/sqltext"
)

// How far one page looks for what no index knows: until the time is up, stretch by stretch of so many keys.
const (
	scanStretch  = 10_000
	scanPatience = 100 * time.Millisecond
)

// eventScan reads a page of events along an index, newest first. What the index does not know is compared event by event, and so bounded in time:
// the page then tells how far it has looked.
type eventScan struct {
	pool      *pgxpool.Pool
	place     eventPlace
	key       string // the column that the index is in the order of
	counted   bool   // its keys have few gaps: a stretch of them is counted, not looked up
	index     clauses
	filter    clauses
	low, high int64 // the keys between which all lies, both included
	patience  time.Duration
}

// clauses are conditions that are joined by AND.
type clauses []clause

type clause struct {
	text string
	args []any
}

func (c *clauses) add(text string, args ...any) { *c = append(*c, clause{text, args}) }

func (c *clauses) addIf(given bool, text string, args ...any) {
	if given {
		c.add(text, args...)
	}
}

// foundEvents is a page of them.
type foundEvents struct {
	rows         []eventRow // newest first
	newer, older int64      // keys to go on from; zero: there is nothing
	looked       *eventsLooked
}

// walk is how far a scan is, in the direction that it reads: downwards, or upwards for what is newer than a key.
type walk struct {
	up       bool
	at, end  int64 // the keys that are left, from at to end
	rows     []eventRow
	reached  int64 // the last key that was looked at when the time was up
	finished bool
}

// run reads the page.
func (s *eventScan) run(ctx context.Context) (foundEvents, error) {
	w, err := s.begin(ctx)
	if err != nil {
		return foundEvents{}, err
	}
	from := w.at
	until := time.Now().Add(s.patience)
	for !w.finished && len(w.rows) <= s.place.limit {
		edge, err := s.edge(ctx, w)
		if err != nil {
			return foundEvents{}, err
		}
		if err := s.read(ctx, w, edge); err != nil {
			return foundEvents{}, err
		}
		if w.reached = edge; edge == w.end {
			w.finished = true
		} else if w.at = edge + w.step(); time.Now().After(until) {
			break
		}
	}
	return s.found(w, from), nil
}

func (w *walk) step() int64 {
	if w.up {
		return 1
	}
	return -1
}

// begin is where the page does.
func (s *eventScan) begin(ctx context.Context) (*walk, error) {
	low, high := s.low, s.high
	if s.place.after > 0 {
		low = max(low, s.place.after+1)
	} else if s.place.before > 0 {
		high = min(high, s.place.before-1)
	}
	if s.counted && high == math.MaxInt64 {
		stream := ""
		if len(s.index) > 0 {
			stream, _ = s.index[0].args[0].(string)
		}
		last, err := keysOf(s.pool, stream).last(ctx)
		if err != nil {
			return nil, err
		}
		high = last
	}
	w := &walk{at: high, end: low}
	if s.place.after > 0 || s.place.oldest && s.place.before == 0 {
		w.up, w.at, w.end = true, low, high
	}
	w.finished = low > high
	return w, nil
}

// edge is the last key of the next stretch: all there is, where the index knows what is asked for.
func (s *eventScan) edge(ctx context.Context, w *walk) (int64, error) {
	switch {
	case len(s.filter) == 0:
		return w.end, nil
	case s.counted && w.up:
		return min(w.end, w.at+scanStretch-1), nil
	case s.counted:
		return max(w.end, w.at-scanStretch+1), nil
	}
	var where sqltext.Where
	order := s.span(&where, w, w.end)
	var edge int64
	statement := `SELECT ` + s.key + ` FROM contrail.events e` + where.String() + order + where.Bound(` OFFSET ? LIMIT 1`, scanStretch-1)
	err := s.pool.QueryRow(ctx, statement, plannedAnew(s.pool, where.Args)...).Scan(&edge)
	if errors.Is(err, pgx.ErrNoRows) {
		return w.end, nil
	}
	if err != nil {
		return 0, fmt.Errorf("search events from %d: %w", w.at, err)
	}
	return edge, nil
}

// span are the conditions for the keys from where the walk is to an edge, and their order.
func (s *eventScan) span(where *sqltext.Where, w *walk, edge int64) (order string) {
	for _, clause := range s.index {
		where.And(clause.text, clause.args...)
	}
	if w.up {
		where.And(s.key+` BETWEEN ? AND ?`, w.at, edge)
		return ` ORDER BY ` + s.key
	}
	where.And(s.key+` BETWEEN ? AND ?`, edge, w.at)
	return ` ORDER BY ` + s.key + ` DESC`
}

// read adds what a stretch has of the page, and of one event more, which tells that there is another page.
func (s *eventScan) read(ctx context.Context, w *walk, edge int64) error {
	var where sqltext.Where
	order := s.span(&where, w, edge)
	for _, clause := range s.filter {
		where.And(clause.text, clause.args...)
	}
	statement := `SELECT ` + eventColumns + ` FROM contrail.events e` + where.String() + order + where.Bound(` LIMIT ?`, s.place.limit+1-len(w.rows))
	rows, err := s.pool.Query(ctx, statement, plannedAnew(s.pool, where.Args)...)
	if err != nil {
		return fmt.Errorf("search events from %d: %w", w.at, err)
	}
	found, err := pgx.CollectRows(rows, scanEventRow)
	if err != nil {
		return fmt.Errorf("search events from %d: %w", w.at, err)
	}
	w.rows = append(w.rows, found...)
	return nil
}

// found is the page, and what there is on its two sides.
func (s *eventScan) found(w *walk, from int64) foundEvents {
	var f foundEvents
	more := len(w.rows) > s.place.limit
	f.rows = w.rows[:min(len(w.rows), s.place.limit)]
	ahead := int64(0) // the key to go on from, in the direction of the walk
	switch {
	case more:
		ahead = s.keyOf(f.rows[len(f.rows)-1])
	case !w.finished:
		ahead = w.reached
		f.looked = &eventsLooked{From: from, To: w.reached}
	}
	if w.up {
		slices.Reverse(f.rows)
		f.newer = ahead
		if s.place.after > 0 {
			f.older = s.place.after + 1 // what is older includes the event that it came from
			if n := len(f.rows); n > 0 {
				f.older = s.keyOf(f.rows[n-1])
			}
		}
	} else {
		f.older = ahead
		if s.place.before > 0 {
			f.newer = s.place.before - 1
			if len(f.rows) > 0 {
				f.newer = s.keyOf(f.rows[0])
			}
		}
	}
	if s.place.oldest {
		slices.Reverse(f.rows)
	}
	return f
}

func (s *eventScan) keyOf(row eventRow) int64 {
	if s.key == "e.version" {
		return row.Version
	}
	return row.Position
}

// pager has the keys of the pages on the two sides.
func (f foundEvents) pager() Pager {
	return Pager{Newer: numberKey(f.newer), Older: numberKey(f.older)}
}

func numberKey(key int64) string {
	if key == 0 {
		return ""
	}
	return strconv.FormatInt(key, 10)
}
