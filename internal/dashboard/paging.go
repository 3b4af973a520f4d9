package dashboard

import (
	"fmt"
	"strconv"
	"time"
)

// Pager says how one goes on in a list: the partial "pager" makes links of it. The keys are those of the list's first and last row, whatever identifies
// them; an empty one means that there is nothing more in that direction.
type Pager struct {
	Newer string `json:"newer"` // for ?after=
	Older string `json:"older"` // for ?before=
}

const (
	defaultRows = 50
	mostRows    = 500
)

// limit is how many rows a list is to have, by ?limit=.
func (r *request) limit() (int, error) {
	text := r.query().Get("limit")
	if text == "" {
		return defaultRows, nil
	}
	rows, err := strconv.Atoi(text)
	if err != nil || rows < 1 || rows > mostRows {
		return 0, errBadInput(fmt.Sprintf("limit is %q; give a number from 1 to %d", text, mostRows))
	}
	return rows, nil
}

// time is an instant of the query, as a form's field has it, in the time zone of the page, or in RFC 3339; the zero time if there is none.
func (r *request) time(name string) (time.Time, error) {
	text := r.query().Get(name)
	if text == "" {
		return time.Time{}, nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02"} {
		if at, err := time.ParseInLocation(layout, text, r.zone); err == nil {
			return at, nil
		}
	}
	return time.Time{}, errBadInput(fmt.Sprintf("%s is %q; write a time as 2026-01-31T14:05, or as 2026-01-31T14:05:00Z", name, text))
}

// id is a number of the query that is a key; zero if there is none.
func (r *request) id(name string) (int64, error) {
	text := r.query().Get(name)
	if text == "" {
		return 0, nil
	}
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id < 1 {
		return 0, errBadInput(fmt.Sprintf("%s is %q; give what the list's own links have there", name, text))
	}
	return id, nil
}

// paging is the way that a list was asked to go on.
type paging struct{ after, before bool }

// paged cuts a list, newest first, that was read with one row more than are shown, and tells how to go on. A list that was read by ?after= has the row too
// many at its beginning.
func paged[T any](found []T, rows int, went paging, key func(T) string) ([]T, Pager) {
	more := len(found) > rows
	if more && went.after {
		found = found[len(found)-rows:]
	} else if more {
		found = found[:rows]
	}
	if found == nil {
		found = []T{} // not null in JSON
	}
	var pager Pager
	if len(found) == 0 {
		return found, pager
	}
	if went.before || went.after && more {
		pager.Newer = key(found[0])
	}
	if went.after || more {
		pager.Older = key(found[len(found)-1])
	}
	return found, pager
}
