package main

import (
	"strconv"
	"strings"
	"time"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
)

// filterHelp is what the verbs that filter say of it.
const filterHelp = `--stream invoice-42 selects one stream, --category invoice all streams of a kind; an event must pass every filter that is given. A
time is 2026-11-21T20:15:04Z, a day in UTC such as 2026-11-21, or how long ago: 90s, 2h, 7d. Only settled events are read:
none can still appear before one of them.`

// eventsFilter are the flags that select events. CONTRAIL_STREAM is the relay's, and means another kind of stream.
type eventsFilter struct {
	Stream      string   `env:"-" placeholder:"STREAM" help:"Events of this stream, such as invoice-42."`
	Category    string   `placeholder:"CATEGORY" help:"Events of this category, the part of a stream before its first '-'."`
	Type        []string `placeholder:"TYPE" help:"Events of this type; may be given several times."`
	Correlation string   `placeholder:"ID" help:"Events with this correlation id."`
	Tenant      string   `placeholder:"ID" help:"Events with this tenant id."`
	Since       string   `placeholder:"TIME" help:"Events recorded at this time or later."`
	Until       string   `placeholder:"TIME" help:"Events recorded before this time."`
	After       int64    `placeholder:"POSITION" help:"Events above this position."`
	Before      int64    `placeholder:"POSITION" help:"Events below this position."`
}

// query says it in the store's words.
func (f eventsFilter) query(now time.Time) (eventstore.Query, error) {
	query := eventstore.Query{
		Category: f.Category, Types: f.Type, CorrelationID: f.Correlation, TenantID: f.Tenant, After: contrail.Position(f.After),
	}
	var err error
	if f.Stream != "" {
		if query.Stream, err = contrail.ParseStreamID(f.Stream); err != nil {
			return query, usagef("--stream: %v", err)
		}
	}
	if query.Since, err = moment("--since", f.Since, now); err != nil {
		return query, err
	}
	if query.Before, err = moment("--until", f.Until, now); err != nil {
		return query, err
	}
	if f.After < 0 {
		return query, usagef("--after is %d; give 0 or more", f.After)
	}
	if f.Before != 0 {
		if f.Before < 2 {
			return query, usagef("--before is %d; give 2 or more, since positions begin with 1", f.Before)
		}
		query.Until = contrail.Position(f.Before - 1)
	}
	return query, f.check(query)
}

// check refuses what the store would refuse, before it is asked.
func (f eventsFilter) check(query eventstore.Query) error {
	if f.Category != "" && contrail.NewStreamID(f.Category, "1").Validate() != nil {
		return usagef("--category is %q; it is made of letters, digits and '_'", f.Category)
	}
	for _, name := range f.Type {
		if err := (contrail.Event{Type: name}).Validate(); err != nil {
			return usagef("--type: %v", err)
		}
	}
	if !query.Since.IsZero() && !query.Before.IsZero() && !query.Since.Before(query.Before) {
		return usagef("--since %s is not before --until %s", f.Since, f.Until)
	}
	return nil
}

// moment reads a time, a day or how long ago. Nothing is no time.
func moment(flag, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, nil
		}
	}
	ago, err := duration(strings.TrimSpace(strings.TrimSuffix(text, "ago")))
	if err != nil || ago < 0 {
		return time.Time{}, usagef("%s is %q; give a time as 2026-11-21T20:15:04Z, a day as 2026-11-21, or how long ago as 2h or 7d", flag, text)
	}
	return now.Add(-ago), nil
}

// duration knows days, too.
func duration(text string) (time.Duration, error) {
	days, ok := strings.CutSuffix(text, "d")
	if !ok {
		return time.ParseDuration(text) //nolint:wrapcheck // moment says it in its own words
	}
	n, err := strconv.ParseUint(days, 10, 16)
	return time.Duration(min(n, 100*365)) * 24 * time.Hour, err //nolint:wrapcheck // likewise
}
