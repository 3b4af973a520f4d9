package subscribers

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/wire"
)

// Querier reads rows, as a *pgxpool.Pool, a *pgx.Conn and a pgx.Tx do.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// source is what events are read from: the store that is configured, or whatever works on the read model's database.
func (r *rebuilder) source(own Querier) Querier {
	if r.config.Store != nil {
		return r.config.Store
	}
	return own
}

// How much is read at once, at most: bytes of data, but for the last event, and positions, so that a rare selection does not take one long statement.
const (
	pageBytes     = 4 << 20
	pagePositions = 1 << 17
)

// These walk primary keys. What a checkpoint has passed is settled, so that no statement can be too early to see it.
const (
	// surveySQL tells whether the server can lag behind, and how far the relay has come with writing down what it has published.
	surveySQL = `SELECT pg_is_in_recovery(), coalesce((SELECT sequence FROM contrail.relays WHERE stream = $1), 9223372036854775807)`

	eventColumns = `e.position, e.id, e.stream, e.version, e.type, e.data, e.metadata, e.recorded_at`

	// isLeftOut tells which events don't belong in a read model that has come to sequence $2 of the stream: those that the relay has left out, and
	// has not published since, or later in the stream than that. The ones in between are projected when they come. Of an event that
	// is missing from the stream it is not known whether it was there once, and whoever reads the store has it; unless a person has discarded it.
	// One that was lost on its way to a shared stream was never there, and comes marked as a requeued one.
	isLeftOut = `coalesce(NOT (p.state = 'published' AND coalesce(p.sequence, 0) <= $2 OR p.reason = 'missing' AND p.state <> 'discarded'), false)`

	eventsAndParked = ` FROM contrail.events e LEFT JOIN contrail.parked p ON p.relay = $1 AND p.position = e.position `

	// The selection spares sending what is not asked for.
	pageSQL = `SELECT ` + eventColumns + `, ` + isLeftOut + eventsAndParked + `WHERE e.position > $3 AND e.position <= $4
		AND ($6::text[] IS NULL OR split_part(e.stream, '-', 1) = ANY($6)) AND ($7::text[] IS NULL OR e.type = ANY($7))
		AND ($8::text[] IS NULL OR e.metadata->>'tenant_id' = ANY($8)) ORDER BY e.position LIMIT $5`

	lateSQL = `SELECT ` + eventColumns + `, false` + eventsAndParked + `WHERE e.position = ANY($3::bigint[]) AND NOT ` + isLeftOut + ` ORDER BY e.position`
)

// span is what lies behind a position, up to a checkpoint.
type span struct {
	after contrail.Position
	until checkpoint
}

// page is what was read of the store in one go.
type page struct {
	events  []contrail.Delivered[json.RawMessage] // for the read model
	left    []int64                               // positions of events that are left out
	through contrail.Position                     // up to where it is complete
}

// read reads the next events of the projection's.
func (r *rebuilder) read(ctx context.Context, store Querier, s span) (page, error) {
	limit, until, chosen := r.config.Batch, min(s.until.position, s.after+pagePositions), r.interest.selection
	rows, err := store.Query(ctx, pageSQL, r.config.Stream, s.until.sequence, s.after, until, limit,
		orNil(chosen.categories), orNil(chosen.types), orNil(chosen.tenants))
	if err != nil {
		return page{}, fmt.Errorf("read events after position %d: %w", s.after, unmigrated(err))
	}
	read, full, err := r.collect(rows, limit)
	if err != nil {
		return page{}, fmt.Errorf("read events after position %d: %w", s.after, unmigrated(err))
	}
	if !full {
		read.through = until
	}
	return read, open(ctx, r.config.Keys, pointers(read.events))
}

// orNil makes NULL of an empty list.
func orNil(list []string) []string {
	if len(list) == 0 {
		return nil
	}
	return list
}

// late reads those of the events at these positions that belong in the read model now.
func (r *rebuilder) late(ctx context.Context, store Querier, sequence uint64, positions []int64) (page, error) {
	rows, err := store.Query(ctx, lateSQL, r.config.Stream, sequence, positions)
	if err != nil {
		return page{}, fmt.Errorf("read late events: %w", unmigrated(err))
	}
	read, _, err := r.collect(rows, len(positions)+1)
	if err != nil {
		return page{}, fmt.Errorf("read late events: %w", unmigrated(err))
	}
	return read, open(ctx, r.config.Keys, pointers(read.events))
}

// collect takes rows up to a limit, by count and by bytes, and tells whether it was reached.
func (r *rebuilder) collect(rows pgx.Rows, limit int) (read page, full bool, err error) {
	defer rows.Close()
	count, bytes := 0, 0
	for bytes < pageBytes && rows.Next() {
		event, left, err := scanEvent(rows)
		if err != nil {
			return page{}, false, err
		}
		count, bytes, read.through = count+1, bytes+len(event.Data), event.Position
		if err := r.sort(&read, event, left); err != nil {
			return page{}, false, err
		}
	}
	full = count == limit || bytes >= pageBytes
	rows.Close()
	return read, full, rows.Err() //nolint:wrapcheck // the callers do
}

// sort puts an event where it belongs, unless it is none of the projection's. It is given to the handler as it would have come through the stream:
// with the metadata keys of a message's attributes, for instance.
func (r *rebuilder) sort(read *page, event contrail.Recorded, left bool) error {
	if !r.interest.has(event) {
		return nil
	}
	if left {
		read.left = append(read.left, int64(event.Position))
		return nil
	}
	message, err := wire.Decode(wire.Append(nil, "", event))
	if err != nil {
		return fmt.Errorf("position %d: %w", event.Position, err)
	}
	read.events = append(read.events, contrail.Delivered[json.RawMessage]{
		Recorded: message.Recorded, Data: message.Data, Delivery: contrail.Delivery{Consumer: r.config.Name, Attempt: 1},
	})
	return nil
}

// scanEvent reads one row of eventColumns, and whether the event is left out.
func scanEvent(row pgx.Row) (event contrail.Recorded, left bool, err error) {
	var position int64
	var stream string
	var data, metadata []byte
	var at time.Time
	if err := row.Scan(&position, &event.ID, &stream, &event.Version, &event.Type, &data, &metadata, &at, &left); err != nil {
		return event, left, err //nolint:wrapcheck // the callers do
	}
	event.Position, event.Data, event.RecordedAt = contrail.Position(position), data, at.UTC()
	if event.Stream, err = contrail.ParseStreamID(stream); err == nil {
		err = json.Unmarshal(metadata, &event.Metadata)
	}
	if err != nil {
		return event, left, fmt.Errorf("position %d: %w", position, err)
	}
	return event, left, nil
}

// survey asks the store up to which sequence of the stream the relay has written down what it has published: up to the last one where there is no relay, and so
// nothing to write down. A standby is refused: it may lack events that the checkpoint has passed.
func (r *rebuilder) survey(ctx context.Context, store Querier) (written uint64, err error) {
	rows, err := store.Query(ctx, surveySQL, r.config.Stream)
	if err != nil {
		return 0, fmt.Errorf("look up the relay: %w", unmigrated(err))
	}
	found, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[struct {
		Standby bool
		Written uint64
	}])
	switch {
	case err != nil:
		return 0, fmt.Errorf("look up the relay: %w", unmigrated(err))
	case found.Standby:
		return 0, misconfigured("the events are read from a standby server, which may lack some: give the primary (ProjectionConfig.Store)")
	}
	return found.Written, nil
}
