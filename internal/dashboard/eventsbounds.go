package dashboard

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// clockSlack is how far apart the times of neighbouring positions are expected to be: those of a transaction are drawn before it commits, and
// positions are in the order in which they were drawn.
const clockSlack = 10 * time.Second

// bounds are the keys between which everything lies that the search may select: versions where it is about a stream, positions elsewhere. Times are
// looked up by bisection, since they grow with the keys, but for clockSlack and for events that were imported with the times that they had.
func (s eventSearch) bounds(ctx context.Context, pool *pgxpool.Pool) (low, high int64, err error) {
	low, high = 1, math.MaxInt64
	keys := keysOf(pool, s.Stream)
	last := int64(0)
	if s.position > 0 || !s.since.IsZero() || !s.until.IsZero() {
		if last, err = keys.last(ctx); err != nil {
			return 0, 0, err
		}
		high = last
	}
	if s.position > 0 {
		above, err := keys.first(ctx, last, func(at eventKey) bool { return at.position > s.position })
		if err != nil {
			return 0, 0, err
		}
		high = min(high, above-1)
	}
	if !s.since.IsZero() {
		since := s.since.Add(-clockSlack)
		if low, err = keys.first(ctx, last, func(at eventKey) bool { return !at.recordedAt.Before(since) }); err != nil {
			return 0, 0, err
		}
	}
	if !s.until.IsZero() {
		until := s.until.Add(clockSlack)
		above, err := keys.first(ctx, last, func(at eventKey) bool { return !at.recordedAt.Before(until) })
		if err != nil {
			return 0, 0, err
		}
		high = min(high, above-1)
	}
	return low, high, nil
}

// eventKey is an event's key, and what grows with it.
type eventKey struct {
	key, position int64
	recordedAt    time.Time
}

// eventKeys looks events up by their keys: all of them by position, or those of a stream by version.
type eventKeys struct {
	pool   *pgxpool.Pool
	stream string // empty: all
}

func keysOf(pool *pgxpool.Pool, stream string) eventKeys { return eventKeys{pool, stream} }

// They walk the primary key, and the unique index on (stream, version).
const (
	nextByPositionSQL = `SELECT position, position, recorded_at FROM contrail.events WHERE position >= $1 ORDER BY position LIMIT 1`
	nextByVersionSQL  = `SELECT version, position, recorded_at FROM contrail.events WHERE stream = $2 AND version >= $1 ORDER BY version LIMIT 1`
	lastByPositionSQL = `SELECT coalesce(max(position), 0) FROM contrail.events`
	lastByVersionSQL  = `SELECT coalesce(max(version), 0) FROM contrail.events WHERE stream = $1`
)

// last is the greatest key; zero: there is none.
func (k eventKeys) last(ctx context.Context) (last int64, err error) {
	if k.stream == "" {
		err = k.pool.QueryRow(ctx, lastByPositionSQL).Scan(&last)
	} else {
		err = k.pool.QueryRow(ctx, lastByVersionSQL, k.stream).Scan(&last)
	}
	if err != nil {
		return 0, fmt.Errorf("look up the last event: %w", err)
	}
	return last, nil
}

// next is the first event at or above a key; false: there is none.
func (k eventKeys) next(ctx context.Context, key int64) (at eventKey, found bool, err error) {
	statement, args := nextByPositionSQL, []any{key}
	if k.stream != "" {
		statement, args = nextByVersionSQL, []any{key, k.stream}
	}
	err = k.pool.QueryRow(ctx, statement, args...).Scan(&at.key, &at.position, &at.recordedAt)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return at, false, nil
	case err != nil:
		return at, false, fmt.Errorf("look up the event at %d: %w", key, err)
	}
	return at, true, nil
}

// first is the least key up to last whose event has reached something, and one above last if none has. It takes some log₂ n statements.
func (k eventKeys) first(ctx context.Context, last int64, reached func(eventKey) bool) (int64, error) {
	low, high := int64(1), last+1
	for low < high {
		middle := low + (high-low)/2
		at, found, err := k.next(ctx, middle)
		switch {
		case err != nil:
			return 0, err
		case !found || at.key >= high:
			high = middle
		case reached(at):
			high = middle
		default:
			low = at.key + 1
		}
	}
	return low, nil
}
