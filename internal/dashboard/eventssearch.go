package dashboard

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/sqltext"
)

// eventSearch is what the events page is asked for, as its address says it. What is set narrows it down together.
type eventSearch struct {
	Stream, Category, Type, Correlation, Tenant, ID string
	Position                                        string // at or below it
	Since, Until                                    string // as they were typed

	id           uuid.UUID
	hasID        bool
	position     int64
	since, until time.Time
	place        eventPlace
}

// eventPlace is where a page of a list begins, by keys, and how long it is.
type eventPlace struct {
	after, before int64 // newer than after, or older than before; zero: the newest
	limit         int
	oldest        bool // the oldest come first
}

// Any tells whether the search leaves anything aside.
func (s eventSearch) Any() bool {
	return s.Stream+s.Category+s.Type+s.Correlation+s.Tenant+s.ID+s.Position+s.Since+s.Until != ""
}

// parseEventSearch reads the address. The error names every field that is wrong.
func parseEventSearch(r *request) (eventSearch, error) {
	query := r.query()
	field := func(name string) string { return strings.TrimSpace(query.Get(name)) }
	s := eventSearch{
		Stream: field("stream"), Category: field("category"), Type: field("type"), Correlation: field("correlation"), Tenant: field("tenant"),
		ID: field("id"), Position: field("position"), Since: field("since"), Until: field("until"),
	}
	var faults fieldFaults
	if s.Stream != "" {
		_, err := contrail.ParseStreamID(s.Stream)
		faults.check("stream", err == nil, "%q is no stream, such as invoice-42", s.Stream)
	}
	faults.check("category", s.Category == "" || contrail.NewStreamID(s.Category, "1").Validate() == nil, "%q must be letters, digits and '_'", s.Category)
	faults.check("type", s.Type == "" || contrail.Event{Type: s.Type}.Validate() == nil, "%q is no type of events, such as InvoiceIssued", s.Type)
	faults.check("correlation", sqltext.IsText(s.Correlation), "is no text")
	faults.check("tenant", sqltext.IsText(s.Tenant), "is no text")
	if s.ID != "" {
		var err error
		s.id, err = uuid.Parse(s.ID)
		s.hasID = true
		faults.check("id", err == nil, "%q is no event's id, such as 0192d9a1-7c3e-7c4e-9a30-0f3f2f4b5a6c", s.ID)
	}
	if s.Position != "" {
		s.position = faults.number("position", strings.NewReplacer(",", "", " ", "").Replace(s.Position))
	}
	s.since = faults.moment("since", s.Since, r)
	s.until = faults.moment("until", s.Until, r)
	faults.check("until", s.since.IsZero() || s.until.IsZero() || s.since.Before(s.until), "must be later than since")
	s.place = faults.place(r)
	return s, faults.err()
}

// place reads where a page begins.
func (f *fieldFaults) place(r *request) (place eventPlace) {
	limit, err := r.limit()
	if err != nil {
		f.faults = append(f.faults, err.Error())
	}
	place.limit = limit
	for _, key := range []struct {
		name string
		to   *int64
	}{{"after", &place.after}, {"before", &place.before}} {
		if text := r.query().Get(key.name); text != "" {
			*key.to = f.number(key.name, text)
		}
	}
	return place
}

// number reads one above zero.
func (f *fieldFaults) number(name, text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	f.check(name, err == nil && n > 0, "%q must be a number above zero", text)
	return n
}

// scan is how the search is done: along the index that leaves the most aside, and with what is left as a filter.
func (s eventSearch) scan(ctx context.Context, pool *pgxpool.Pool) (*eventScan, error) {
	scan := &eventScan{pool: pool, place: s.place, key: "e.position", counted: true, patience: scanPatience}
	switch {
	case s.Stream != "":
		scan.key = "e.version"
		scan.index.add(`e.stream = ?`, s.Stream)
		scan.filter.addIf(s.Category != "", `split_part(e.stream, '-', 1) = ?`, s.Category)
		scan.filter.addIf(s.Correlation != "", `e.metadata->>'correlation_id' = ?`, s.Correlation)
	case s.Correlation != "":
		scan.counted = false
		scan.index.add(`e.metadata ? 'correlation_id'`) // for the planner: the index is a partial one
		scan.index.add(`e.metadata->>'correlation_id' = ?`, s.Correlation)
		scan.filter.addIf(s.Category != "", `split_part(e.stream, '-', 1) = ?`, s.Category)
	case s.Category != "":
		scan.counted = false
		scan.index.add(`split_part(e.stream, '-', 1) = ?`, s.Category)
	}
	scan.filter.addIf(s.Type != "", `e.type = ?`, s.Type)
	scan.filter.addIf(s.Tenant != "", `e.metadata->>'tenant_id' = ?`, s.Tenant)
	scan.filter.addIf(!s.since.IsZero(), `e.recorded_at >= ?`, s.since)
	scan.filter.addIf(!s.until.IsZero(), `e.recorded_at < ?`, s.until)
	var err error
	scan.low, scan.high, err = s.bounds(ctx, pool)
	return scan, err
}
