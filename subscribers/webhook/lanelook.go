package webhook

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sort"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail/subscribers/deliveries"
)

// enough is how many deliveries that may be attempted a lane reads at once.
func enough(concurrency int) int { return min(max(32, 8*concurrency), 256) }

// idleShare: behind a look that has found nothing to do the next one waits so many times as long as it took, so that such looks take up a tenth of a lane's time at
// most, however much there is to read.
const idleShare = 9

// look reads the window anew, from the beginning: what was planned by a transaction that was long in committing may be there only now.
func (l *lane) look(ctx context.Context, now time.Time) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	l.stale = false
	err := l.read(ctx, now, false)
	l.lookAt = time.Now()
	if len(l.window.ready) == 0 {
		l.lookAt = l.lookAt.Add(min(idleShare*time.Since(now), afterward))
	}
	if err != nil {
		l.window.clear(nil)
		l.stale, l.lookAt = true, now.Add(afterward)
		l.complain(ctx, err)
	}
}

// read fills the window with what may be attempted, past what waits behind something else. What it takes in comes from one statement, so that of
// each sequence the first ones are there: of two statements the second one could see a later delivery whose predecessor the first has just missed. That the
// first ones of a sequence still wait it looks up every second, since people change deliveries.
func (l *lane) read(ctx context.Context, now time.Time, eager bool) error {
	waiting := l.window.stillWaiting(now)
	if eager || now.Sub(l.lookedAt) > afterward {
		waiting, l.lookedAt = nil, now
	}
	limit := enough(l.held().Concurrency)
	for {
		l.window.clear(waiting)
		read, err := l.readOnce(ctx, now, eager, limit)
		if err != nil {
			return fmt.Errorf("read what is to be posted to endpoint %s: %w", l.held().ID, err)
		}
		full, grown := read == limit, len(l.window.waiting) > len(waiting)
		if !full || !grown || l.window.serial || len(l.window.ready) >= limit/2 {
			l.window.more = l.window.more || full && len(l.window.ready) > 0
			return nil
		}
		waiting = maps.Clone(l.window.waiting)
	}
}

// readOnce reads the first deliveries whose sequences don't wait, and returns how many there were.
func (l *lane) readOnce(ctx context.Context, now time.Time, eager bool, limit int) (int, error) {
	name := l.held().ID.String()
	blocked := slices.Collect(maps.Keys(l.window.waiting))
	switch {
	case len(blocked) == 0:
		page, err := l.ledger.Next(ctx, name, 0, limit)
		l.window.fill(page, now, eager)
		return len(page), err
	case l.window.serial:
		return 0, nil
	}
	rows, err := l.pool.Query(ctx, numbersSQL, l.consumer, name, blocked, limit)
	if err != nil {
		return 0, err //nolint:wrapcheck // read wraps it
	}
	numbers, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return 0, err //nolint:wrapcheck // read wraps it
	}
	for left := numbers; len(left) > 0; {
		page, err := l.ledger.Next(ctx, name, left[0]-1, limit)
		if err != nil {
			return 0, err
		}
		last := left[0]
		for _, d := range page {
			last = max(last, d.Number)
			if _, found := slices.BinarySearch(numbers, d.Number); found {
				l.window.fill([]deliveries.Due{d}, now, eager)
			}
		}
		left = left[sort.Search(len(left), func(i int) bool { return left[i] > last }):]
	}
	return len(numbers), nil
}

// numbersSQL finds the first open deliveries of a lane whose streams are none of those. It reads by the index deliveries_lane, without locks.
const numbersSQL = `SELECT d.number FROM contrail.deliveries d JOIN contrail.delivery_events e ON (e.consumer, e.id) = (d.consumer, d.event)
	WHERE d.consumer = $1 AND d.lane = $2 AND d.lane <> '' AND d.state IN ('pending', 'dispatched', 'failed') AND e.stream <> ALL ($3)
	ORDER BY d.number LIMIT $4`
