package deliveries

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Scope is whose deliveries somebody may see and change.
type Scope struct {
	Tenant string // those of events of this tenant; empty: all
}

// Timeline is all that became of a delivery, and why it stands where it stands.
type Timeline struct {
	Record

	Why     string  `json:"why"`              // one sentence
	Next    string  `json:"next"`             // what to do about it
	Entries []Entry `json:"entries"`          // in the order in which they happened
	Rounds  []Round `json:"rounds,omitempty"` // all of them, if a person has had it sent again although an earlier one had ended
}

// Round is one of the deliveries of an event to a recipient by a channel.
type Round struct {
	ID    uuid.UUID `json:"id"`
	Round int       `json:"round"`
	State State     `json:"state"`
}

// Explain returns the whole timeline of a delivery, as it is at one moment. The error wraps [ErrNotFound] where there is no such
// delivery, or none in the scope: the two can't be told apart.
func Explain(ctx context.Context, db Querier, id uuid.UUID, scope Scope) (Timeline, error) {
	var t Timeline
	var attempts []AttemptRecord
	var log []logged
	record, err := scanRecord(db.QueryRow(ctx, explainSQL, id, scope.Tenant), &attempts, &log, &t.Rounds)
	if errors.Is(err, pgx.ErrNoRows) {
		err = ErrNotFound
	}
	if err != nil {
		return Timeline{}, fmt.Errorf("delivery %s: %w", id, err)
	}
	t.Record = record
	t.Entries = entries(record, attempts, log)
	if len(t.Rounds) == 1 {
		t.Rounds = nil
	}
	t.Why, t.Next = t.explain()
	return t, nil
}

// logged is a row of contrail.delivery_log.
type logged struct {
	At      time.Time `json:"at"`
	What    string    `json:"what"`
	By      string    `json:"by_whom"`
	Because string    `json:"because"`
	Until   time.Time `json:"until"`
}

// It is one statement, so that what it tells is of one moment. It locks nothing, and walks primary keys and deliveries_key.
const explainSQL = `SELECT ` + recordColumns + `,
	(SELECT coalesce(jsonb_agg(` + attemptSQL + ` ORDER BY a.number), '[]') FROM contrail.delivery_attempts a WHERE a.delivery = d.id),
	(SELECT coalesce(jsonb_agg(to_jsonb(l) ORDER BY l.number), '[]') FROM contrail.delivery_log l WHERE l.delivery = d.id),
	(SELECT jsonb_agg(jsonb_build_object('id', r.id, 'round', r.round, 'state', r.state) ORDER BY r.round) FROM contrail.deliveries r
		WHERE r.consumer = d.consumer AND r.event = d.event AND r.channel = d.channel AND r.recipient = d.recipient)` +
	recordJoined + `WHERE d.id = $1 AND ($2 = '' OR d.tenant = $2)`
