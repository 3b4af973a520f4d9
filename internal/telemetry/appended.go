package telemetry

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// Querier reads from the event store's database; a pool is one.
type Querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// countStep is how many events are counted in one statement. What is left is counted with the next: nothing is lost when nobody has asked for hours.
const countStep = 1_000_000

const (
	// settledSQL is asked before countSQL, and not in it: a statement sees all that is settled at a horizon only if it begins after that was known.
	settledSQL = `SELECT contrail.horizon()`

	// countSQL reads a range of the primary key, and takes no locks. It returns how many events there are behind $1 up to $2, of the first $3, and where it came to.
	countSQL = `SELECT count(*), CASE WHEN count(*) = $3 THEN max(position) ELSE $2::bigint END FROM (
		SELECT position FROM contrail.events WHERE position > $1::bigint AND position <= $2::bigint ORDER BY position LIMIT $3::bigint) settled`
)

// appendedCounter counts the events that become settled, each once: by position, so that it does not matter how often it is asked.
type appendedCounter struct {
	db    Querier
	began bool
	at    int64 // everything up to this position is counted
	total int64
}

// count counts on. False: the database does not answer, or nothing was known so far.
func (c *appendedCounter) count(ctx context.Context) (total int64, known bool) {
	var horizon int64
	if err := c.db.QueryRow(ctx, settledSQL).Scan(&horizon); err != nil {
		return c.total, false
	}
	if !c.began || horizon < c.at { // the database was set back: what comes now is new
		c.began, c.at = true, horizon
	}
	for c.at < horizon {
		var n, at int64
		if err := c.db.QueryRow(ctx, countSQL, c.at, horizon, int64(countStep)).Scan(&n, &at); err != nil {
			return c.total, false
		}
		c.total, c.at = c.total+n, at
		if ctx.Err() != nil {
			break
		}
	}
	return c.total, true
}
