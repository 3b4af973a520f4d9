package invoicing

import (
	"cmp"
	"fmt"
	"time"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/domain"
	"github.com/contrail-events/contrail/domain/rule"
	"github.com/contrail-events/contrail/eventstore"
)

// Reader reads the read models, for one tenant at a time. It holds no state, and serves any number of goroutines.
//
// Each method takes atLeast, the position of an event that the answer must tell of, such as the last one of a command; 0: whatever is there.
// It waits until the read model has come so far, for ReaderConfig.Wait at most. The error is a [*BehindError] when it has not by then, wraps
// [ErrNoSuchPosition] at once when no event has that position yet, and wraps ctx's when that ends.
//
// A tenant that can't be one, a limit or a cursor out of range are [rule.FieldErrors]. An organisation that the tenant does not have is
// [domain.ErrNotFound]; one that it has, deleted or not, is found also before the read model has heard of it.
type Reader struct {
	db     eventstore.Querier
	config ReaderConfig
}

// ReaderConfig says how a [Reader] reads. The zero value works.
type ReaderConfig struct {
	// Wait is how long a read waits for the position that it asks for. Default: 5 s. Below zero: it does not wait.
	Wait time.Duration

	// Clock tells which day it is for an [OverdueFilter] without one. Default: time.Now.
	Clock domain.Clock

	// Summary, Overdue and Statement are the names of the projections, where they have others than usual. Default: [SummaryName], [OverdueName],
	// [StatementName].
	Summary, Overdue, Statement string
}

func (c ReaderConfig) withDefaults() ReaderConfig {
	c.Wait = cmp.Or(c.Wait, 5*time.Second)
	if c.Clock == nil {
		c.Clock = time.Now
	}
	c.Summary = cmp.Or(c.Summary, SummaryName)
	c.Overdue = cmp.Or(c.Overdue, OverdueName)
	c.Statement = cmp.Or(c.Statement, StatementName)
	return c
}

// View is what a read model shows, and the position that it is at: both are of one snapshot.
type View[T any] struct {
	Position contrail.Position
	Value    T
}

// NewReader returns a reader of a database that holds the events, the service's own rows and the read models. db stays the caller's to close. A
// transaction at READ COMMITTED will do, too; a stricter one sees nothing new, so that waiting is in vain.
func NewReader(db eventstore.Querier, config ReaderConfig) *Reader {
	return &Reader{db: db, config: config.withDefaults()}
}

// scope is what a reading is about.
type scope struct {
	projection     string // its checkpoint
	tenant         string
	organisationID string // "": all of the tenant's
}

// check refuses what no tenant and no organisation can be called, and PostgreSQL could not even look for.
func (s scope) check() error {
	if err := rule.Check(rule.Text("tenant_id", s.tenant, rule.MaxIDLength*2)); err != nil {
		return err
	}
	if s.organisationID != "" && rule.ID("organisation_id", s.organisationID) != nil {
		return s.notFound()
	}
	return nil
}

func (s scope) notFound() error {
	return fmt.Errorf("organisation %.60q: %w: check the id", s.organisationID, domain.ErrNotFound)
}

const (
	// positionSQL is the checkpoint of projection $1: in the statement that reads the read model it is of the same snapshot.
	positionSQL = `coalesce((SELECT position FROM contrail.projections WHERE name = $1), 0)`

	// knownSQL tells whether tenant $2 has organisation $3. Who made it a moment ago finds it in the register. One whose events came from elsewhere
	// is told of by a read model alone. Both are looked up by their primary keys.
	knownSQL = `(EXISTS (SELECT FROM invoicing.summary_organisations WHERE id = $3 AND tenant_id = $2)
	OR EXISTS (SELECT FROM invoicing.register WHERE kind = 'organisation' AND id = $3 AND tenant_id = $2))`
)

// limitOf is how many rows a page has.
func limitOf(limit int) (int, *rule.FieldError) {
	switch {
	case limit == 0:
		return domain.DefaultLimit, nil
	case limit < 0 || limit > domain.MaxLimit:
		return 0, rule.At("limit", domain.ErrLimit)
	}
	return limit, nil
}
