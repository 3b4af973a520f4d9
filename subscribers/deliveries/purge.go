package deliveries

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail/internal/sqltext"
)

// Defaults of a [Retention].
const (
	DefaultOlderThan  = 90 * 24 * time.Hour
	DefaultPurgeBatch = 1000
)

// Retention is what [Purge] keeps. The zero value works.
type Retention struct {
	Scope

	Consumer  string        // deliveries in this consumer's ledger; empty: in all
	OlderThan time.Duration // since they have ended, by the database's clock; zero means DefaultOlderThan
	Limit     int64         // at most so many, the oldest; zero means no limit
	Batch     int           // deliveries in one transaction, at most; zero means DefaultPurgeBatch
}

// Purged is what [Purge] has deleted.
type Purged struct {
	Deliveries int64 `json:"deliveries"`
	Events     int64 `json:"events"` // of which no delivery is left
}

// Purge deletes deliveries that have ended longer ago than the retention, with their attempts and their log, and the events that none is left
// of. What has not ended is never touched. OlderThan must be longer than an event can come again: the ledger does not know any more that it
// was there, and plans it anew.
//
// It goes batch by batch, each in a transaction of its own on a pool or connection, and in a savepoint of a transaction. It returns what
// it has deleted, also with an error, and may be interrupted and called again at any time; of several at once each deletes a part.
func Purge(ctx context.Context, db Beginner, keep Retention) (Purged, error) {
	purged := Purged{}
	if err := keep.validate(); err != nil {
		return purged, fmt.Errorf("purge deliveries: %w", err)
	}
	p := purge{keep: keep.withDefaults()}
	for more := true; more; {
		var batch Purged
		err := pgx.BeginFunc(ctx, db, func(tx pgx.Tx) (err error) {
			batch, more, err = p.next(ctx, tx, purged.Deliveries)
			return err
		})
		if err != nil { // of this batch nothing has happened
			return purged, fmt.Errorf("purge deliveries: %w", err)
		}
		purged.Deliveries += batch.Deliveries
		purged.Events += batch.Events
	}
	return purged, nil
}

// validate names every faulty field at once.
func (r Retention) validate() error {
	var faults []error
	fault := func(bad bool, format string, args ...any) {
		if bad {
			faults = append(faults, fmt.Errorf("deliveries.Retention: "+format, args...))
		}
	}
	fault(!sqltext.IsText(r.Tenant), "Tenant is %q, must be UTF-8 without NUL", r.Tenant)
	fault(!sqltext.IsText(r.Consumer), "Consumer is %q, must be UTF-8 without NUL", r.Consumer)
	fault(r.OlderThan < 0, "OlderThan is %s, must not be negative", r.OlderThan)
	fault(r.Limit < 0, "Limit is %d, must not be negative", r.Limit)
	fault(r.Batch < 0, "Batch is %d, must not be negative", r.Batch)
	return errors.Join(faults...)
}

func (r Retention) withDefaults() Retention {
	r.OlderThan = orDefault(r.OlderThan, DefaultOlderThan)
	r.Batch = orDefault(r.Batch, DefaultPurgeBatch)
	return r
}

// purge is how far it is.
type purge struct {
	keep Retention
	last uuid.UUID // of the batch before
}

// oldSQL locks what is to be deleted. It walks the primary key from where the batch before has ended; nobody waits for what has ended but
// one who has it sent again, and of what somebody else is about to purge or send again it takes nothing.
const oldSQL = `SELECT d.id, d.consumer, d.event FROM contrail.deliveries d
	WHERE d.id > $1 AND d.state IN ('succeeded', 'suppressed', 'cancelled') AND d.changed_at < clock_timestamp() - $2::interval
	AND ($3 = '' OR d.consumer = $3) AND ($4 = '' OR d.tenant = $4)
	ORDER BY d.id LIMIT $5 FOR UPDATE SKIP LOCKED`

const (
	deleteSQL = `DELETE FROM contrail.deliveries WHERE id = ANY($1)`

	// An event is locked as one who plans for it locks it. It is skipped while somebody does: then it goes with what is planned. The statement
	// behind that sees what was planned before.
	lockEventsSQL = `SELECT consumer, id FROM contrail.delivery_events WHERE (consumer, id) IN (SELECT * FROM unnest($1::text[], $2::uuid[]))
		ORDER BY consumer, id FOR UPDATE SKIP LOCKED`

	deleteEventsSQL = `DELETE FROM contrail.delivery_events e WHERE (consumer, id) IN (SELECT * FROM unnest($1::text[], $2::uuid[]))
		AND NOT EXISTS (SELECT FROM contrail.deliveries d WHERE d.consumer = e.consumer AND d.event = e.id)`
)

// next does one batch, when so many are done, and tells whether there may be more.
func (p *purge) next(ctx context.Context, tx pgx.Tx, done int64) (purged Purged, more bool, err error) {
	size := int64(p.keep.Batch)
	if p.keep.Limit > 0 {
		size = min(size, p.keep.Limit-done)
	}
	ids, events, err := p.lock(ctx, tx, size)
	if err != nil || len(ids) == 0 {
		return purged, false, err
	}
	deleted, err := tx.Exec(ctx, deleteSQL, ids)
	if err != nil {
		return purged, false, err //nolint:wrapcheck // likewise
	}
	p.last, purged.Deliveries = ids[len(ids)-1], deleted.RowsAffected()
	purged.Events, err = events.delete(ctx, tx)
	return purged, int64(len(ids)) == size && (p.keep.Limit == 0 || done+purged.Deliveries < p.keep.Limit), err
}

// lock returns the next ones, and the events that they are about.
func (p *purge) lock(ctx context.Context, tx pgx.Tx, size int64) (ids []uuid.UUID, events kept, err error) {
	rows, err := tx.Query(ctx, oldSQL, p.last, p.keep.OlderThan, p.keep.Consumer, p.keep.Tenant, size)
	if err != nil {
		return nil, kept{}, err //nolint:wrapcheck // Purge wraps it
	}
	old, err := pgx.CollectRows(rows, pgx.RowToStructByPos[struct {
		ID       uuid.UUID
		Consumer string
		Event    uuid.UUID
	}])
	for _, one := range old {
		ids = append(ids, one.ID)
		events.consumers, events.ids = append(events.consumers, one.Consumer), append(events.ids, one.Event)
	}
	return ids, events, err //nolint:wrapcheck // likewise
}

// kept are events that the ledgers keep, column by column.
type kept struct {
	consumers []string
	ids       []uuid.UUID
}

// delete deletes those of which no delivery is left.
func (k kept) delete(ctx context.Context, tx pgx.Tx) (int64, error) {
	rows, _ := tx.Query(ctx, lockEventsSQL, k.consumers, k.ids) //nolint:rowserrcheck // ForEachRow does, and tells of Query's error, too
	var free kept
	var consumer string
	var id uuid.UUID
	_, err := pgx.ForEachRow(rows, []any{&consumer, &id}, func() error {
		free.consumers, free.ids = append(free.consumers, consumer), append(free.ids, id)
		return nil
	})
	if err != nil {
		return 0, err //nolint:wrapcheck // Purge wraps it
	}
	deleted, err := tx.Exec(ctx, deleteEventsSQL, free.consumers, free.ids)
	return deleted.RowsAffected(), err
}
