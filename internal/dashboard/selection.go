package dashboard

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/contrail-events/contrail/internal/audit"
)

// Which things somebody means who has looked at a list: those that are ticked, all rows of the page, or all that the filter selects.
const (
	whichSelected = "selected"
	whichPage     = "page"
	whichAll      = "all"
)

// whichOf is which are meant, by the address or the form.
func whichOf(text string) (string, error) {
	switch text {
	case whichSelected, whichPage, whichAll:
		return text, nil
	}
	return "", errBadInput(fmt.Sprintf("which is %q; give %s, %s or %s", text, whichSelected, whichPage, whichAll))
}

// seen is a row as somebody has seen it: its number, and when it was changed last.
type seen struct {
	number uint64
	at     time.Time
}

// String is the value of the row's box.
func (s seen) String() string {
	if s.at.IsZero() {
		return strconv.FormatUint(s.number, 10)
	}
	return fmt.Sprintf("%d.%d", s.number, s.at.UnixNano())
}

// seenIn reads the values of boxes that are ticked.
func seenIn(values []string) ([]seen, error) {
	rows := make([]seen, 0, len(values))
	for _, value := range values {
		number, at, _ := strings.Cut(value, ".")
		n, err := strconv.ParseUint(number, 10, 63)
		if err != nil || n == 0 {
			return nil, errBadInput(fmt.Sprintf("row is %q, which is no number of a row", value))
		}
		row := seen{number: n}
		if at != "" {
			nanoseconds, err := strconv.ParseInt(at, 10, 64)
			if err != nil {
				return nil, errBadInput(fmt.Sprintf("row is %q; what follows the point is no time", value))
			}
			row.at = time.Unix(0, nanoseconds).UTC()
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// keyset is which part of a list that is ordered by number an address asks for.
type keyset struct {
	after, before uint64 // above this number, or below it; zero: at the end that comes first
	rows          int
	oldest        bool // the oldest come first
}

func (r *request) keyset() (keyset, error) {
	rows, err := r.limit()
	if err != nil {
		return keyset{}, err
	}
	keys := keyset{rows: rows, oldest: r.query().Get("order") == "oldest"}
	for name, key := range map[string]*uint64{"after": &keys.after, "before": &keys.before} {
		if *key, err = r.number(name); err != nil {
			return keys, err
		}
	}
	if keys.after > 0 && keys.before > 0 {
		return keys, errBadInput("both after and before are given; give one of them")
	}
	return keys, nil
}

// formTime is an instant of a form, as the page before has written it there: in RFC 3339; the zero time if there is none.
func (r *request) formTime(name string) (time.Time, error) {
	text := r.form(name)
	if text == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}, errBadInput(fmt.Sprintf("%s is %q; give a time as 2026-01-31T14:05:00Z", name, text))
	}
	return at, nil
}

// number is a number of the query, above zero; zero if there is none.
func (r *request) number(name string) (uint64, error) { return numberOf(name, r.query().Get(name)) }

func numberOf(name, text string) (uint64, error) {
	if text == "" {
		return 0, nil
	}
	number, err := strconv.ParseUint(strings.TrimSpace(text), 10, 63)
	if err != nil || number == 0 {
		return 0, errBadInput(fmt.Sprintf("%s is %q; give a number above zero", name, text))
	}
	return number, nil
}

// backwards tells whether the part is read from its highest number down.
func (k keyset) backwards() bool { return k.before > 0 || k.after == 0 && !k.oldest }

// oneDone and oneRefused are the results of an action on one thing.
func oneDone(what, detail string) []audit.Result {
	return []audit.Result{{What: what, Outcome: audit.Done, Detail: detail}}
}

func oneRefused(what, detail string) []audit.Result {
	return []audit.Result{{What: what, Outcome: audit.Refused, Detail: detail}}
}

func plural(n int64, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.FormatInt(n, 10) + " " + one + "s"
}

// decisionField is a hidden field of a form that decides.
type decisionField struct{ Name, Value string }

// fieldsOf are those that hand on what was given, in the order of their names.
func fieldsOf(given url.Values) []decisionField {
	fields := []decisionField{}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		for _, value := range given[name] {
			fields = append(fields, decisionField{name, value})
		}
	}
	return fields
}

// filterReason is the name that a filter's field "reason" has in a form: there "reason" is why somebody decides.
const filterReason = "cause"

// filterOf is the filter's part of a form that decides, as a list's query has it.
func filterOf(form url.Values) url.Values {
	given := maps.Clone(form)
	if given["reason"] = form[filterReason]; len(given["reason"]) == 0 {
		delete(given, "reason")
	}
	return given
}

// orders are both ways to order a list.
func orders() []any { return []any{option{"", "newest first"}, option{"oldest", "oldest first"}} }

func anyOf[T any](values []T) []any {
	all := make([]any, len(values))
	for i, value := range values {
		all[i] = value
	}
	return all
}

const errorShown = 160 // characters of an error that a list shows

// beginning is the beginning of a long text.
func beginning(text string) string {
	if short := []rune(text); len(short) > errorShown {
		return string(short[:errorShown]) + "…"
	}
	return text
}
