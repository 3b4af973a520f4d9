package deliveries

import (
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail"
)

// Record is a delivery as it stands in the ledger. Times are in UTC.
type Record struct {
	ID            uuid.UUID      `json:"id"`
	Consumer      string         `json:"consumer"` // whose ledger it stands in
	Event         EventKey       `json:"event"`
	Channel       string         `json:"channel"`
	Recipient     string         `json:"recipient"`
	Round         int            `json:"round"`          // 2, 3 …: a person has had it sent again although an earlier one had ended
	Tenant        string         `json:"tenant"`         // the event's; empty: none
	Lane          string         `json:"lane,omitempty"` // not empty: begun in order, by who holds the lane
	State         State          `json:"state"`
	Reason        Reason         `json:"reason"`               // why it stands where it stands, in a word; empty: there is nothing to say
	Standing      Standing       `json:"standing"`             // what it waits for
	Attempts      int            `json:"attempts"`             // that were begun
	Cancelling    Reason         `json:"cancelling,omitempty"` // why it is cancelled, unless the attempt under way succeeds; empty: it is not
	DuplicateRisk bool           `json:"duplicate_risk"`       // the recipient may have got it already: the next attempt may be the second time
	PlannedAt     time.Time      `json:"planned_at"`
	ChangedAt     time.Time      `json:"changed_at"`
	DueAt         time.Time      `json:"due_at,omitzero"`        // when it may be begun; zero: it has ended, is under way, or held
	ClaimedBy     string         `json:"claimed_by,omitempty"`   // the process that is about to begin it; empty: none
	ClaimedUntil  time.Time      `json:"claimed_until,omitzero"` // when its claim ends
	Last          *AttemptRecord `json:"last,omitempty"`         // the last attempt; nil: there was none
}

// EventKey is which event a delivery is about.
type EventKey struct {
	ID       uuid.UUID         `json:"id"`
	Stream   contrail.StreamID `json:"stream"` // of events
	Type     string            `json:"type"`
	Position contrail.Position `json:"position"`
	Sequence uint64            `json:"sequence,omitempty"` // in the JetStream stream; zero: not known
	Kept     bool              `json:"kept"`               // the ledger has its body; else it is encrypted, and read where it is stored
}

// What scanRecord reads. The event and the last attempt are looked up by their primary keys.
const (
	recordColumns = `d.id, d.consumer, d.channel, d.recipient, d.round, d.tenant, d.lane, d.state, d.reason, ` + standingSQL + `, d.attempts,
		d.cancelling, d.duplicate_risk, d.planned_at, d.changed_at, d.due_at, d.claimed_by, d.claimed_until,
		e.id, e.stream, e.type, e.position, e.sequence, e.body IS NOT NULL,
		CASE WHEN a.number IS NOT NULL THEN ` + attemptSQL + ` END`

	recordJoined = ` FROM contrail.deliveries d JOIN contrail.delivery_events e ON (e.consumer, e.id) = (d.consumer, d.event)
		LEFT JOIN contrail.delivery_attempts a ON a.delivery = d.id AND a.number = d.attempts `
)

// scanRecord reads one row of recordColumns, and what stands behind them into more.
func scanRecord(row pgx.Row, more ...any) (Record, error) {
	var r Record
	var due, claimed *time.Time
	var stream string
	var position, sequence int64
	err := row.Scan(append([]any{
		&r.ID, &r.Consumer, &r.Channel, &r.Recipient, &r.Round, &r.Tenant, &r.Lane, &r.State, &r.Reason, &r.Standing, &r.Attempts,
		&r.Cancelling, &r.DuplicateRisk, &r.PlannedAt, &r.ChangedAt, &due, &r.ClaimedBy, &claimed,
		&r.Event.ID, &stream, &r.Event.Type, &position, &sequence, &r.Event.Kept, &r.Last,
	}, more...)...)
	if err != nil {
		return Record{}, err //nolint:wrapcheck // the readers wrap it
	}
	r.PlannedAt, r.ChangedAt, r.DueAt, r.ClaimedUntil = r.PlannedAt.UTC(), r.ChangedAt.UTC(), utc(due), utc(claimed)
	r.Event.Position, r.Event.Sequence = contrail.Position(position), uint64(sequence) //nolint:gosec // none is below zero
	r.Last.toUTC()
	if r.Event.Stream, err = contrail.ParseStreamID(stream); err != nil {
		return Record{}, fmt.Errorf("delivery %s: %w", r.ID, err)
	}
	return r, nil
}

func utc(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}
