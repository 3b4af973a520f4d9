package parked

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// They walk the primary key, and lock a batch at most: nobody waits for more than that.
const (
	isOldSQL = `p.changed_at < clock_timestamp() - make_interval(secs => ?)`

	isExcuseSQL = `(p.state <> 'published' OR p.sequence IS NOT NULL)` // for the event's absence from its place

	isWordySQL = `(p.error <> '' OR p.note <> '')`

	deleteSQL = `DELETE FROM contrail.parked p USING unnest($1::text[], $2::bigint[]) AS old (relay, position)
		WHERE p.relay = old.relay AND p.position = old.position`

	silenceSQL = `UPDATE contrail.parked p SET error = '', note = '' FROM unnest($1::text[], $2::bigint[]) AS old (relay, position)
		WHERE p.relay = old.relay AND p.position = old.position`
)

// purge is how far it is.
type purge struct {
	which Selection
	keep  Retention
	last  *key // of the batch before
	left  int64
	told  outcomes
}

// candidate is an event that may be purged.
type candidate struct {
	row

	isOld, isExcuse, isWordy bool
}

// next does one batch and tells whether there may be more.
func (p *purge) next(ctx context.Context, tx pgx.Tx, told outcomes) (more bool, err error) {
	batch := int64(p.keep.Batch)
	if p.which.limit() > 0 {
		batch = min(batch, p.left)
	}
	found, err := p.lock(ctx, tx, batch)
	if err != nil || len(found) == 0 {
		return false, err
	}
	p.last = &found[len(found)-1].key
	var deleted, silenced []key
	for _, c := range found {
		text, done := p.refuses(c)
		switch {
		case text != "":
			told.tell(c.row, c.state, false, done, text)
		case !c.isExcuse:
			told.tell(c.row, "", true, true, "is purged")
			deleted = append(deleted, c.key)
		default:
			told.tell(c.row, c.state, true, true, fmt.Sprintf("stays %s; its error and its note are purged", c.state))
			silenced = append(silenced, c.key)
		}
	}
	if err := execFor(ctx, tx, deleteSQL, deleted); err != nil {
		return false, err
	}
	if err := execFor(ctx, tx, silenceSQL, silenced); err != nil {
		return false, err
	}
	return int64(len(found)) == batch && batch != p.left, ask(ctx, tx, told.relays())
}

// refuses says why an event is not purged, and whether there is nothing to purge; an empty text: it is.
func (p *purge) refuses(c candidate) (text string, done bool) {
	switch {
	case c.state != Published && c.state != Discarded:
		return fmt.Sprintf("is %s: only what is published or discarded is purged", c.state), false
	case p.which.isStale(c.key, c.changedAt):
		return fmt.Sprintf("has changed meanwhile: it is %s now, by %s", c.state, c.changedBy), false
	case c.isExcuse && !c.isWordy:
		return fmt.Sprintf("stays %s; there is nothing to purge", c.state), true
	case !c.isOld:
		return fmt.Sprintf("was %s less than %s ago", c.state, days(p.keep.OlderThan)), false
	}
	return "", false
}

// days writes a long time as people do.
func days(d time.Duration) string {
	if d > 24*time.Hour && d%(24*time.Hour) == 0 {
		return fmt.Sprintf("%d days", d/(24*time.Hour))
	}
	return d.String()
}

// lock locks the next ones: of those that are named all, and else only those that are purged.
func (p *purge) lock(ctx context.Context, tx pgx.Tx, limit int64) ([]candidate, error) {
	where := p.which.where(purgeable())
	isOld := where.Bound(isOldSQL, p.keep.OlderThan.Seconds())
	if p.which.filter != nil {
		where.And(isOld)
		where.And(`(NOT ` + isExcuseSQL + ` OR ` + isWordySQL + `)`)
	}
	if p.last != nil {
		where.And(`(p.relay, p.position) > (?, ?)`, p.last.relay, p.last.position)
	}
	rows, err := tx.Query(ctx, `SELECT `+rowColumns+`, `+isOld+`, `+isExcuseSQL+`, `+isWordySQL+` FROM contrail.parked p`+
		where.String()+lockOrder+where.Bound(` LIMIT ?`, limit)+` FOR UPDATE OF p`, where.Args...)
	if err != nil {
		return nil, err //nolint:wrapcheck // Purge wraps it
	}
	return pgx.CollectRows(rows, func(from pgx.CollectableRow) (c candidate, err error) { //nolint:wrapcheck // likewise
		c.row, err = scanRow(from, &c.isOld, &c.isExcuse, &c.isWordy)
		return c, err
	})
}

// execFor runs a statement for some keys.
func execFor(ctx context.Context, tx pgx.Tx, statement string, keys []key) error {
	if len(keys) == 0 {
		return nil
	}
	relays, positions := columnsOf(keys)
	_, err := tx.Exec(ctx, statement, relays, positions)
	return err //nolint:wrapcheck // Purge wraps it
}
