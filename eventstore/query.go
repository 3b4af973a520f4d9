package eventstore

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/sqltext"
)

// Query selects events for [Store.Read]. Its zero value selects all; fields that are set narrow it down together. Category, CorrelationID
// and Stream are looked up in an index; Types, TenantID, Since and Before are compared event by event, a few million a second: where nothing
// else narrows them down and they fit few events, set After or Until.
type Query struct {
	Stream        contrail.StreamID // of this stream, in position order
	Category      string            // of this category, such as "invoice"
	Types         []string          // of one of these types
	CorrelationID string            // with this correlation_id in the metadata
	TenantID      string            // with this tenant_id in the metadata

	After  contrail.Position // above this position
	Until  contrail.Position // at or below this position; zero means no bound
	Since  time.Time         // recorded at this time or later; zero means no bound
	Before time.Time         // recorded before this time; zero means no bound

	Backwards bool  // from the newest to the oldest
	Limit     int64 // at most so many; zero means no limit
}

// Validate returns an error that names every faulty field at once.
func (q Query) Validate() error {
	var faults []error
	fault := func(bad bool, format string, args ...any) {
		if bad {
			faults = append(faults, fmt.Errorf("eventstore.Query: "+format, args...))
		}
	}
	fault(q.After < 0, "After is %d, must not be negative", q.After)
	fault(q.Until < 0, "Until is %d, must not be negative", q.Until)
	fault(q.Limit < 0, "Limit is %d, must not be negative", q.Limit)
	if !q.Stream.IsZero() {
		faults = append(faults, q.Stream.Validate())
	}
	if q.Category != "" {
		err := contrail.NewStreamID(q.Category, "1").Validate()
		fault(err != nil, "Category is %q, must be letters, digits and '_'", q.Category)
	}
	for _, kind := range q.Types {
		faults = append(faults, contrail.Event{Type: kind}.Validate())
	}
	fault(!sqltext.IsText(q.CorrelationID), "CorrelationID is %q, must be UTF-8 without NUL", q.CorrelationID)
	fault(!sqltext.IsText(q.TenantID), "TenantID is %q, must be UTF-8 without NUL", q.TenantID)
	fault(!q.Since.IsZero() && !q.Before.IsZero() && !q.Since.Before(q.Before), "Since must be before Before")
	return errors.Join(faults...)
}

// condition is the part behind FROM, without its limit, for what lies above after and at or below until.
func (q Query) condition(after, until contrail.Position) (text string, args []any) {
	var where sqltext.Where
	where.And(`e.position > ?`, int64(after))
	where.And(`e.position <= ?`, int64(until))
	if !q.Stream.IsZero() {
		where.And(`e.stream = ?`, q.Stream.String())
	}
	if q.Category != "" {
		where.And(`split_part(e.stream, '-', 1) = ?`, q.Category)
	}
	if len(q.Types) > 0 {
		where.And(`e.type = ANY(?)`, q.Types)
	}
	if q.CorrelationID != "" {
		where.And(`e.metadata ? 'correlation_id'`) // for the planner: the index is a partial one
		where.And(`e.metadata->>'correlation_id' = ?`, q.CorrelationID)
	}
	if q.TenantID != "" {
		where.And(`e.metadata->>'tenant_id' = ?`, q.TenantID)
	}
	if !q.Since.IsZero() {
		where.And(`e.recorded_at >= ?`, q.Since)
	}
	if !q.Before.IsZero() {
		where.And(`e.recorded_at < ?`, q.Before)
	}
	order := ` ORDER BY e.position`
	if q.Backwards {
		order += ` DESC`
	}
	return where.String() + order + ` LIMIT $` + strconv.Itoa(len(where.Args)+1), where.Args
}
