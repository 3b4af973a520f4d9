package eventstore

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/schema"
)

// feedSQL walks the primary key. It is a statement of its own, with a snapshot younger than the horizon in $2: one statement that
// computed the horizon too would lose events.
const feedSQL = `SELECT ` + columns + ` FROM contrail.events WHERE position > $1 AND position <= $2 ORDER BY position LIMIT $3`

// Sizes of a batch by default.
const (
	DefaultBatchEvents = 1000
	DefaultBatchBytes  = 4 << 20
)

// FeedConfig of a [Feed]. The zero value works.
type FeedConfig struct {
	After       contrail.Position // the feed begins with the first event above it; zero: with the first of all
	BatchEvents int               // at most so many events a batch; zero means DefaultBatchEvents
	BatchBytes  int               // a batch ends with the event that reaches so many bytes of data; zero means DefaultBatchBytes
}

// Feed reads every settled event of a store in position order, each once, however the transactions that append overlap. It needs a
// connection of its own, outside any transaction, and is not safe for concurrent use.
type Feed struct {
	conn    *pgx.Conn
	config  FeedConfig
	after   contrail.Position // everything at or below it was handed out, or does not exist
	horizon contrail.Position // the last one asked for
	limit   int               // rows asked for next, by what the last ones weighed
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
	return &Feed{conn: conn, config: cfg, after: cfg.After, limit: cfg.BatchEvents}, nil
}

// Next returns the next events, none when nothing is settled beyond what it returned before. It does not wait. The slice and its
// events are the caller's. After an error the feed stands where it stood.
func (f *Feed) Next(ctx context.Context) ([]contrail.Recorded, error) {
	if f.after >= f.horizon {
		horizon, err := Horizon(ctx, f.conn)
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
	limit := f.limit
	rows, err := f.conn.Query(ctx, feedSQL, int64(f.after), int64(f.horizon), limit)
	if err != nil {
		return nil, false, translateRead(err)
	}
	defer rows.Close()
	events = make([]contrail.Recorded, 0, limit)
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
	f.adapt(len(events), bytes)
	return events, len(events) < limit && !full, nil
}

// adapt keeps large events from being fetched only to be dropped: the next rows are expected to weigh what these did.
func (f *Feed) adapt(events, bytes int) {
	f.limit = f.config.BatchEvents
	if events > 0 && bytes > 0 {
		f.limit = max(1, min(f.limit, 2*f.config.BatchBytes*events/bytes))
	}
}

// Horizon returns the greatest position at or below which every event is settled: committed or gone. Select what lies at or below it
// in a later statement, at READ COMMITTED. A standby can't tell, and answers [ErrStandby].
func Horizon(ctx context.Context, db Querier) (contrail.Position, error) {
	var horizon *int64
	err := db.QueryRow(ctx, `SELECT CASE WHEN pg_is_in_recovery() THEN NULL ELSE contrail.horizon() END`).Scan(&horizon)
	if err != nil {
		return 0, fmt.Errorf("ask for the horizon: %w", translateRead(err))
	}
	if horizon == nil {
		return 0, fmt.Errorf("ask for the horizon: %w: connect to the primary, which alone knows what is settled", ErrStandby)
	}
	return contrail.Position(*horizon), nil
}

func translateRead(err error) error {
	if schema.IsUndefined(err) {
		return fmt.Errorf("%w: run `contrail migrate` (%w)", ErrNotMigrated, err)
	}
	return err
}
