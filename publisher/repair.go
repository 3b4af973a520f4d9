package publisher

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail/eventstore"
)

// RepairReport says what [Repair] has found, and what it has asked for.
type RepairReport struct {
	Report

	Asked int64 `json:"asked"` // missing events that the relay is asked to publish again
	Left  int64 `json:"left"`  // missing events behind the last one that the stream holds in its order: the relay comes to them by itself
}

const (
	// A row that says that the event was published out of its order is asked for again only if the comparison has read the stream that far: else
	// the event is there by now. The reason becomes 'missing' in any case, since the event may have been in the stream once. Locks the rows that
	// it writes, in the order of their positions, until the transaction ends; walks the primary key of contrail.events, a run at a time: OFFSET 0 keeps
	// the planner from comparing every event with every run.
	askSQL = `INSERT INTO contrail.parked AS p (relay, position, stream, state, reason, changed_by)
		SELECT $1, e.position, e.stream, 'requeued', 'missing', $5
		FROM unnest($2::bigint[], $3::bigint[]) AS run (first, last)
		CROSS JOIN LATERAL (SELECT position, stream FROM contrail.events WHERE position BETWEEN run.first AND run.last ORDER BY position OFFSET 0) e
		ORDER BY e.position
		ON CONFLICT (relay, position) DO UPDATE
		SET state = excluded.state, reason = excluded.reason, sequence = NULL, changed_by = excluded.changed_by, changed_at = now()
		WHERE p.state = 'published' AND coalesce(p.sequence, 0) <= $4`

	countSQL = `SELECT coalesce(sum(e.events), 0)::bigint FROM unnest($1::bigint[], $2::bigint[]) AS run (first, last)
		CROSS JOIN LATERAL (SELECT count(*) AS events FROM contrail.events WHERE position BETWEEN run.first AND run.last) e`

	// Tells the leader to look, and wakes it if it sleeps. One row, which the relay locks with each batch: the last thing in a transaction.
	requestSQL = `WITH request AS (UPDATE contrail.relays SET requests = requests + 1 WHERE stream = $1 RETURNING lost)
		SELECT coalesce((SELECT lost FROM request), -1), pg_notify('contrail', '')::text`

	requeuedSQL = `SELECT count(*) FROM contrail.parked WHERE relay = $1 AND state = 'requeued'`
)

// ErrRepairOvertaken says that the broker lost the end of the stream, or that the stream was begun anew, while a repair compared it: nothing
// was asked for. Repair again.
var ErrRepairOvertaken = errors.New("the stream was set back during the comparison: nothing was asked for; repair again")

// Repair verifies, and asks the stream's relay to publish again what is missing before the last event that the stream holds in its order. It
// publishes nothing itself: whoever leads does, at once, or else the next relay that will. What is missing behind that event is not lost but
// not relayed yet.
//
// A repaired event stands at the stream's end, marked as such, and so behind later ones. A consumer with an inbox that has handled it before
// passes over it; one without handles it again.
//
// Repairs may run at once, and while relays publish: no event is published twice for it. A stream with foreign messages is refused, unless
// VerifyConfig.Shared, with [ErrForeignWriter], and one with events that the store does not know with [ErrStreamAhead]. Other errors are
// those of Verify and [ErrRepairOvertaken]. It needs the rights of contrail_operate and contrail_read.
func Repair(ctx context.Context, pool *pgxpool.Pool, js jetstream.JetStream, cfg VerifyConfig) (RepairReport, error) {
	var repair RepairReport
	err := compared(ctx, pool, js, cfg, func(c *comparison) (err error) {
		if repair.Report, err = c.finish(ctx); err != nil {
			return err
		}
		if err := c.repairable(repair.Report); err != nil {
			return err
		}
		gaps, tail := c.absent.below(c.highest)
		if repair.Left, err = c.count(ctx, tail); err != nil {
			return err
		}
		repair.Asked, err = c.ask(ctx, gaps)
		return err
	})
	if err != nil {
		return RepairReport{}, fmt.Errorf("repair: %w", err)
	}
	return repair, nil
}

// Requeued counts the events of a stream that its relay is asked for and has not published yet.
func Requeued(ctx context.Context, db eventstore.Querier, stream string) (events int64, err error) {
	rows, err := db.Query(ctx, requeuedSQL, stream)
	if err == nil {
		events, err = pgx.CollectExactlyOneRow(rows, pgx.RowTo[int64])
	}
	if err != nil {
		return 0, fmt.Errorf("count requeued events: %w", err)
	}
	return events, nil
}

// repairable refuses a stream in which a repair would hide what is wrong.
func (c *comparison) repairable(report Report) error {
	name := c.config.Stream
	switch {
	case report.Unknown > 0:
		return &StreamError{
			Stream: name, Err: ErrStreamAhead,
			Reason: fmt.Sprintf("is ahead of the store: the store does not have %s that the stream holds", counted(report.Unknown, "event")),
			Hint:   "the database was set back, by a restore or a failover; bring back one that has them, or relay into a new stream",
		}
	case report.Foreign > 0 && !c.config.Shared:
		return &StreamError{
			Stream: name, Err: ErrForeignWriter,
			Reason: fmt.Sprintf("has another writer: it holds %s that this store did not write", counted(report.Foreign, "message")),
			Hint:   "stop that writer, and relay into a new stream; where the stream is meant to be shared, say so (VerifyConfig.Shared, contrail verify --fence msg-id)",
		}
	}
	return nil
}

func counted(n int64, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

func (c *comparison) count(ctx context.Context, runs bounds) (events int64, err error) {
	if err := c.conn.QueryRow(ctx, countSQL, runs.first, runs.last).Scan(&events); err != nil {
		return 0, fmt.Errorf("count missing events: %w", err)
	}
	return events, nil
}

// ask writes the requests down and tells the leader.
func (c *comparison) ask(ctx context.Context, gaps bounds) (asked int64, err error) {
	if len(gaps.first) == 0 {
		return 0, nil
	}
	err = pgx.BeginTxFunc(ctx, c.conn, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, askSQL, c.config.Stream, gaps.first, gaps.last, int64(c.lastSequence), identity()) //nolint:gosec // 2⁶³ messages
		if err != nil {
			return fmt.Errorf("ask for missing events: %w", err)
		}
		if asked = tag.RowsAffected(); asked == 0 {
			return nil
		}
		var lost int64
		if err := tx.QueryRow(ctx, requestSQL, c.config.Stream).Scan(&lost, nil); err != nil {
			return fmt.Errorf("tell the relay: %w", err)
		}
		if lost != c.lost {
			return ErrRepairOvertaken
		}
		return nil
	})
	return asked, err //nolint:wrapcheck // Repair wraps it
}
