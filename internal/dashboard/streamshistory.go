package dashboard

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail"
)

// streamHistoryView is a stream's events, and what is kept of its state.
type streamHistoryView struct {
	Stream string     `json:"stream"`
	Last   int64      `json:"version"` // of its last event
	Items  []eventRow `json:"items"`
	Pager

	Snapshots []streamSnapshot `json:"snapshots,omitempty"`
	Oldest    bool             `json:"-"` // the oldest come first
	Category  string           `json:"-"`
}

// Title is what the page is about.
func (v *streamHistoryView) Title() string { return "Stream " + spelled(v.Stream) }

// streamSnapshot is a state that was folded from a stream, and kept to spare reading its events.
type streamSnapshot struct {
	Name     string          `json:"name"`
	Schema   int64           `json:"schema"`
	Version  int64           `json:"version"` // of the last event that is in it
	EventID  uuid.UUID       `json:"event_id"`
	TakenAt  time.Time       `json:"taken_at"`
	Bytes    int64           `json:"state_bytes"`
	Personal bool            `json:"encrypted,omitempty"` // it is made of encrypted events: its state is shown to nobody here
	State    json.RawMessage `json:"state,omitempty"`
	Body     jsonBody        `json:"-"`
}

// snapshotsSQL uses the primary key. A state that is long, or made of encrypted events, stays where it is.
const snapshotsSQL = `SELECT name, schema, version, event_id, taken_at, octet_length(state::text), key_ids <> '{}',
	CASE WHEN key_ids = '{}' AND octet_length(state::text) <= 262144 THEN state END
	FROM contrail.snapshots WHERE stream = $1 ORDER BY name LIMIT 50`

// readStreamHistory reads a page of one stream's events.
func (d *Dashboard) readStreamHistory(ctx context.Context, r *request) (any, error) {
	stream, err := contrail.ParseStreamID(r.path("stream"))
	if err != nil {
		return nil, errNotFound("stream " + r.path("stream"))
	}
	view := &streamHistoryView{Stream: stream.String(), Category: stream.Category(), Oldest: r.query().Get("order") == "oldest"}
	if view.Last, err = keysOf(d.pool, view.Stream).last(ctx); err != nil {
		return nil, err
	}
	if view.Last == 0 {
		return nil, errNotFound("stream " + view.Stream)
	}
	var faults fieldFaults
	place := faults.place(r)
	place.oldest = view.Oldest
	if err := faults.err(); err != nil {
		return nil, err
	}
	scan := &eventScan{pool: d.pool, place: place, key: "e.version", counted: true, patience: scanPatience, low: 1, high: view.Last}
	scan.index.add(`e.stream = ?`, view.Stream)
	found, err := scan.run(ctx)
	if err != nil {
		return nil, err
	}
	view.Items, view.Pager = found.rows, found.pager()
	view.Snapshots, err = d.readSnapshots(ctx, view.Stream)
	return view, err
}

func (d *Dashboard) readSnapshots(ctx context.Context, stream string) ([]streamSnapshot, error) {
	rows, err := d.pool.Query(ctx, snapshotsSQL, stream)
	if err != nil {
		return nil, fmt.Errorf("read the snapshots of %s: %w", stream, err)
	}
	snapshots, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (streamSnapshot, error) {
		var s streamSnapshot
		err := row.Scan(&s.Name, &s.Schema, &s.Version, &s.EventID, &s.TakenAt, &s.Bytes, &s.Personal, &s.State)
		s.TakenAt = s.TakenAt.UTC()
		if s.State != nil {
			s.Body = newJSONBody(s.State, false)
		}
		return s, err //nolint:wrapcheck // it is wrapped below
	})
	if err != nil {
		return nil, fmt.Errorf("read the snapshots of %s: %w", stream, err)
	}
	return snapshots, nil
}
