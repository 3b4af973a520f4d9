package doctor

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	// One row of the catalog, which everybody may read.
	sequenceSQL = `SELECT seqcache, seqincrement, seqcycle FROM pg_sequence WHERE seqrelid = 'contrail.events_position_seq'::regclass`

	// The sequence's row, and the greatest position by the primary key.
	lastPositionSQL = `SELECT last_value - (NOT is_called)::int, (SELECT coalesce(max(position), 0) FROM contrail.events) FROM contrail.events_position_seq`
)

func checkSequence(ctx context.Context, d *Doctor) ([]Finding, error) {
	var cache, increment, last, newest int64
	var cycles bool
	if err := d.pool.QueryRow(ctx, sequenceSQL).Scan(&cache, &increment, &cycles); errors.Is(err, pgx.ErrNoRows) {
		return nil, &pgconn.PgError{Code: undefinedTable, Message: "there is no sequence of positions"}
	} else if err != nil {
		return nil, fmt.Errorf("look at the sequence of positions: %w", err)
	}
	with := values{"cache": cache, "increment": increment, "cycle": cycles}
	var found []Finding
	if cache != 1 || increment != 1 || cycles {
		found = append(found, Finding{
			Severity: Danger, What: fmt.Sprintf("the sequence of positions has CACHE %d, INCREMENT %d, cycle %t", cache, increment, cycles), Values: with,
			Why: "sessions draw positions ahead, or backwards, the horizon can't tell what is settled, and events are lost to the relay",
			Do:  "ALTER SEQUENCE contrail.events_position_seq CACHE 1 INCREMENT 1 NO CYCLE, have the services connect anew, then run contrail verify",
		})
	}
	if err := d.pool.QueryRow(ctx, lastPositionSQL).Scan(&last, &newest); err != nil {
		return found, fmt.Errorf("compare the sequence of positions with the events: %w", err)
	}
	with["last"], with["newest"] = last, newest
	if last < newest {
		found = append(found, Finding{
			Severity: Danger, What: fmt.Sprintf("the sequence of positions stands at %d, below the newest event, %d", last, newest), Values: with,
			Why: "positions are given anew: appends fail, and events above the sequence are hidden from every reader",
			Do:  "SELECT setval('contrail.events_position_seq', (SELECT max(position) FROM contrail.events))",
		})
	}
	return orGood(found, with, "the sequence of positions caches none, and stands at %d", last), nil
}
