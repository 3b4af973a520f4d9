package publisher

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/publisher/parked"
)

const (
	verifiedStoreSQL = `SELECT id, coalesce((SELECT lost FROM contrail.relays WHERE stream = $1), -1) FROM contrail.store`

	// What was published later than the comparison looks at was still asked for then. Walks the primary key.
	excusedSQL = `SELECT position, state FROM contrail.parked
		WHERE relay = $1 AND position BETWEEN $2 AND $3 AND (state <> 'published' OR sequence > $4)`

	// A run says only where it begins and ends. Walks the primary key, a run at a time.
	missingSQL = `SELECT e.position FROM unnest($1::bigint[], $2::bigint[]) AS run (first, last)
		CROSS JOIN LATERAL (SELECT position FROM contrail.events WHERE position BETWEEN run.first AND run.last ORDER BY position LIMIT $3) e
		ORDER BY e.position LIMIT $3`
)

func newComparison(ctx context.Context, conn *pgx.Conn, cfg VerifyConfig) (*comparison, error) {
	c := &comparison{config: cfg, conn: conn}
	var err error
	if c.horizon, err = eventstore.Horizon(ctx, conn); err != nil {
		return nil, err
	}
	if err := conn.QueryRow(ctx, verifiedStoreSQL, cfg.Stream).Scan(&c.store, &c.lost); err != nil {
		return nil, fmt.Errorf("read the store's id: %w", err)
	}
	c.feed, err = eventstore.NewFeed(conn, eventstore.FeedConfig{})
	return c, err
}

// advance passes over what the store has below position, which is absent from the stream, and leaves the event at position, if there is one,
// in front.
func (c *comparison) advance(ctx context.Context, position contrail.Position) error {
	c.passed = position
	for {
		for len(c.ahead) > 0 && c.ahead[0].Position < position {
			c.miss(c.ahead[0].Position)
			c.ahead = c.ahead[1:]
		}
		if len(c.ahead) > 0 {
			return nil
		}
		if err := c.fill(ctx); err != nil || len(c.ahead) == 0 {
			return err
		}
	}
}

// fill reads on in the store, and which of the events it finds were left out on purpose.
func (c *comparison) fill(ctx context.Context) (err error) {
	if c.ahead, err = c.feed.Next(ctx); err != nil || len(c.ahead) == 0 {
		return err
	}
	first, last := c.ahead[0].Position, c.ahead[len(c.ahead)-1].Position
	c.tell(first)
	rows, err := c.conn.Query(ctx, excusedSQL, c.config.Stream, int64(first), int64(last), int64(c.lastSequence)) //nolint:gosec // 2⁶³ messages
	if err != nil {
		return fmt.Errorf("read parked events: %w", err)
	}
	left, err := pgx.CollectRows(rows, pgx.RowToStructByPos[struct {
		Position contrail.Position
		State    parked.State
	}])
	if err != nil {
		return fmt.Errorf("read parked events: %w", err)
	}
	c.excused = make(map[contrail.Position]absence, len(left))
	for _, one := range left {
		c.excused[one.Position] = absenceOf(one.State)
	}
	return nil
}

func absenceOf(state parked.State) absence {
	switch state {
	case parked.Parked, parked.Held:
		return isParked
	case parked.Discarded:
		return isDiscarded
	case parked.Requeued, parked.Published: // published since
		return isRequeued
	}
	return isMissing
}

// miss counts an event, in front until now, that was settled when the comparison began.
func (c *comparison) miss(position contrail.Position) {
	if position > c.horizon {
		return
	}
	why := c.excused[position]
	c.report.Events++
	c.counts[why]++
	c.absent.add(position, why)
}

// end compares what the stream does not have any more.
func (c *comparison) end(ctx context.Context) error {
	c.seen = c.messages // where some were deleted meanwhile, too
	if err := c.advance(ctx, c.horizon+1); err != nil {
		return err
	}
	if err := c.settleLate(ctx); err != nil {
		return err
	}
	c.tell(c.horizon)
	return nil
}

// tell tells how far the comparison has come.
func (c *comparison) tell(position contrail.Position) {
	c.config.Progress(min(c.seen, c.messages)+uint64(min(position, c.horizon)), c.messages+uint64(c.horizon)) //nolint:gosec // never negative
}

func (c *comparison) listMissing(ctx context.Context) ([]contrail.Position, error) {
	runs, _ := c.absent.below(c.horizon + 1)
	count := min(len(runs.first), MaxListed)
	rows, err := c.conn.Query(ctx, missingSQL, runs.first[:count], runs.last[:count], MaxListed)
	if err != nil {
		return nil, fmt.Errorf("list missing events: %w", err)
	}
	positions, err := pgx.CollectRows(rows, pgx.RowTo[contrail.Position])
	if err != nil {
		return nil, fmt.Errorf("list missing events: %w", err)
	}
	return positions, nil
}
