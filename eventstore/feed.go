package eventstore

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail"
)

// feedSQL walks the primary key. It is a statement of its own, with a snapshot younger than the horizon in $2: one statement that
// computed the horizon too would lose events.
const feedSQL = `SELECT ` + columns + ` FROM contrail.events e WHERE e.position > $1 AND e.position <= $2 ORDER BY e.position LIMIT $3`

// Sizes of a batch by default.
const (
	DefaultBatchEvents = 1000
	DefaultBatchBytes  = 4 << 20
)

// FeedConfig of a [Feed]. The zero value works.
type FeedConfig struct {
	// After is where the feed begins: with the first event above it; zero: with the first of all. A reader that keeps its place keeps the
	// position of the last event that it was given, never a [Horizon], which may not outlive a crash of PostgreSQL.
	After contrail.Position

	BatchEvents int // at most so many events a batch; zero means DefaultBatchEvents
	BatchBytes  int // a batch ends with the event that reaches so many bytes of data; zero means DefaultBatchBytes

	// Horizon is how the feed asks for the horizon, for a reader that has something to say in the same breath; nil means [Horizon] on the feed's
	// connection. What it answers must have been contrail.horizon() in an earlier statement than the one that the feed makes next.
	Horizon func(ctx context.Context) (contrail.Position, error)
}

// Feed reads every settled event of a store in position order, each once, however the transactions that append overlap. It needs a
// connection of its own, outside any transaction, and is not safe for concurrent use.
type Feed struct {
	conn    *pgx.Conn
	config  FeedConfig
	after   contrail.Position // everything at or below it was handed out, or does not exist
	horizon contrail.Position // the last one asked for
	window  window
}

// NewFeed returns a feed on conn, which stays the caller's to close.
func NewFeed(conn *pgx.Conn, cfg FeedConfig) (*Feed, error) {
	if cfg.BatchEvents < 0 || cfg.BatchBytes < 0 || cfg.After < 0 {
		return nil, fmt.Errorf("eventstore.FeedConfig: BatchEvents is %d, BatchBytes %d, After %d: none may be negative",
			cfg.BatchEvents, cfg.BatchBytes, cfg.After)
	}
	if cfg.BatchEvents == 0 {
		cfg.BatchEvents = DefaultBatchEvents
	}
	if cfg.BatchBytes == 0 {
		cfg.BatchBytes = DefaultBatchBytes
	}
	if cfg.Horizon == nil {
		cfg.Horizon = func(ctx context.Context) (contrail.Position, error) { return Horizon(ctx, conn) }
	}
	return &Feed{conn: conn, config: cfg, after: cfg.After, window: newWindow(cfg.BatchEvents, cfg.BatchBytes)}, nil
}

// Next returns the next events, none when nothing is settled beyond what it returned before. It does not wait. The slice and its
// events are the caller's. After an error the feed stands where it stood.
func (f *Feed) Next(ctx context.Context) ([]contrail.Recorded, error) {
	if f.after >= f.horizon {
		horizon, err := f.config.Horizon(ctx)
		if err != nil {
			return nil, err
		}
		f.horizon = horizon
	}
	if f.after >= f.horizon {
		return nil, nil
	}
	events, exhausted, err := f.read(ctx)
	if err != nil {
		return nil, fmt.Errorf("read events after position %d: %w", f.after, err)
	}
	if exhausted { // all that exists up to the horizon, for good
		f.after = f.horizon
	} else {
		f.after = events[len(events)-1].Position
	}
	return events, nil
}

// Seek makes the feed go on above position.
func (f *Feed) Seek(position contrail.Position) { f.after, f.horizon = position, 0 }

// read reads up to the limit, by count and by bytes, and tells whether it reached the horizon.
func (f *Feed) read(ctx context.Context) (events []contrail.Recorded, exhausted bool, err error) {
	limit := f.window.limit
	rows, err := f.conn.Query(ctx, feedSQL, int64(f.after), int64(f.horizon), limit)
	if err != nil {
		return nil, false, translateRead(err)
	}
	defer rows.Close()
	events = make([]contrail.Recorded, 0, min(limit, DefaultBatchEvents))
	bytes := 0
	for rows.Next() {
		event, err := scan(rows)
		if err != nil {
			return nil, false, err
		}
		events = append(events, event)
		if bytes += len(event.Data); bytes >= f.config.BatchBytes {
			break
		}
	}
	full := bytes >= f.config.BatchBytes
	rows.Close()
	if err := rows.Err(); err != nil {
		return nil, false, translateRead(err)
	}
	f.window.adapt(len(events), bytes)
	return events, len(events) < limit && !full, nil
}
