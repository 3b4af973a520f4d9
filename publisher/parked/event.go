package parked

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail"
)

// Event is an event that a relay has left out of its place, or published out of it. Version, Type, ID and RecordedAt are zero where the
// store does not have the event, as after a restore that went wrong.
type Event struct {
	Relay      string            `json:"relay"` // the JetStream stream
	Position   contrail.Position `json:"position"`
	Stream     contrail.StreamID `json:"stream"`
	Version    int64             `json:"version"`
	Type       string            `json:"type"`
	ID         uuid.UUID         `json:"id"`
	State      State             `json:"state"`
	Reason     Reason            `json:"reason"`             // why it is not in its place
	Error      string            `json:"error"`              // the last delivery error, word for word; kept after success
	Attempts   int               `json:"attempts"`           // to publish it, before it was parked and since
	Note       string            `json:"note"`               // what a person said of it last
	ChangedBy  string            `json:"changed_by"`         // the person, or the relay as host:pid
	Sequence   uint64            `json:"sequence,omitempty"` // in the JetStream stream, out of order; zero: none, or in its order after all
	ParkedAt   time.Time         `json:"parked_at"`          // times are in UTC
	ChangedAt  time.Time         `json:"changed_at"`
	RecordedAt time.Time         `json:"recorded_at"`
}

// Detail is an event with its body.
type Detail struct {
	Event

	Data     json.RawMessage   `json:"data"` // as it is stored: encrypted, where the metadata has a key_id
	Metadata contrail.Metadata `json:"metadata"`
}

// What scan reads. Events are looked up by their primary key.
const (
	columns = `p.relay, p.position, p.stream, p.state, p.reason, p.error, p.attempts, p.note, p.changed_by, coalesce(p.sequence, 0),
		p.parked_at, p.changed_at, coalesce(e.version, 0), coalesce(e.type, ''), e.id, e.recorded_at`

	joined = ` FROM contrail.parked p LEFT JOIN contrail.events e ON e.position = p.position `
)

// scan reads one row of columns, and what stands behind them into more.
func scan(row pgx.Row, more ...any) (Event, error) {
	var e Event
	var position, sequence int64
	var stream string
	var id *uuid.UUID
	var recorded *time.Time
	err := row.Scan(append([]any{
		&e.Relay, &position, &stream, &e.State, &e.Reason, &e.Error, &e.Attempts, &e.Note, &e.ChangedBy, &sequence,
		&e.ParkedAt, &e.ChangedAt, &e.Version, &e.Type, &id, &recorded,
	}, more...)...)
	if err != nil {
		return e, err //nolint:wrapcheck // the readers wrap it
	}
	e.Position, e.Sequence = contrail.Position(position), uint64(sequence) //nolint:gosec // a sequence is above zero
	e.ParkedAt, e.ChangedAt = e.ParkedAt.UTC(), e.ChangedAt.UTC()
	if id != nil {
		e.ID, e.RecordedAt = *id, recorded.UTC()
	}
	if e.Stream, err = contrail.ParseStreamID(stream); err != nil {
		return e, fmt.Errorf("position %d: %w", e.Position, err)
	}
	return e, nil
}
