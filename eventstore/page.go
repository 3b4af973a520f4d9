package eventstore

import (
	"context"
	"iter"

	"github.com/contrail-events/contrail"
)

// A page is what one statement reads: bounded by count and by bytes, so that memory stays constant whatever is read.
const (
	pageEvents = 1000
	pageBytes  = 4 << 20
)

// window adapts how many rows are asked for, so that large events are not fetched only to be dropped.
type window struct{ limit, events, bytes int }

func newWindow(events, bytes int) window { return window{limit: events, events: events, bytes: bytes} }

// adapt expects the next rows to weigh what these did.
func (w *window) adapt(events, bytes int) {
	w.limit = w.events
	if events > 0 && bytes > 0 {
		half := max(1, bytes/(2*events)) // of an event's weight: rather too many rows than another statement
		w.limit = max(1, min(w.limit, w.bytes/half))
	}
}

// page reads the rows of one statement, whose last argument is the limit, and tells whether there may be more.
func (s *Store) page(ctx context.Context, db Querier, w *window, statement string, args ...any) (events []contrail.Recorded, more bool, err error) {
	limit := w.limit
	rows, err := db.Query(ctx, statement, append(args, limit)...)
	if err != nil {
		return nil, false, translateRead(err)
	}
	defer rows.Close()
	bytes := 0
	for bytes < w.bytes && rows.Next() {
		event, err := s.scan(rows)
		if err != nil {
			return nil, false, err
		}
		events = append(events, event)
		bytes += len(event.Data)
	}
	full := bytes >= w.bytes
	rows.Close()
	if err := rows.Err(); err != nil {
		return nil, false, translateRead(err)
	}
	w.adapt(len(events), bytes)
	return events, full || len(events) == limit, nil
}

// pages yields what next reads, page after page, until there is no more; after is the last event of the page before, nil at first. No
// connection is held while the caller looks at an event.
func pages(
	limit int64, wrap func(error) error, next func(w *window, after *contrail.Recorded) ([]contrail.Recorded, bool, error),
) iter.Seq2[contrail.Recorded, error] {
	return func(yield func(contrail.Recorded, error) bool) {
		w := newWindow(pageEvents, pageBytes)
		var after *contrail.Recorded
		for left, more := limit, true; more; {
			if limit > 0 {
				w.limit = int(min(int64(w.limit), left))
			}
			events, further, err := next(&w, after)
			if err != nil {
				yield(contrail.Recorded{}, wrap(err))
				return
			}
			for i := range events {
				if !yield(events[i], nil) {
					return
				}
			}
			left -= int64(len(events))
			more = further && (limit == 0 || left > 0)
			if more {
				after = &events[len(events)-1]
			}
		}
	}
}
