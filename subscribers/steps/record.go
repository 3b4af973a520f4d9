package steps

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail"
)

// ErrNotFound says that there is no run with that key, or none of that tenant.
var ErrNotFound = errors.New("there is no such run")

// Record is a run as the database has it. Times are UTC, by the database's clock.
type Record struct {
	ID       uuid.UUID         `json:"id"`
	Key      string            `json:"key"`
	Workflow string            `json:"workflow"` // empty: it was begun by [Run], and no worker performs it
	Tenant   string            `json:"tenant"`
	Args     json.RawMessage   `json:"args"`
	Steps    []string          `json:"steps"` // the names of the steps that it was begun with
	Metadata contrail.Metadata `json:"metadata"`

	Status   Status          `json:"state"`
	EndsAs   Status          `json:"ends_as,omitempty"` // Failed or Cancelled, and its steps are undone; empty: it goes forward
	Step     int             `json:"step"`              // the step that is next, from 0; of a run with EndsAs, how many may yet have to be undone
	Round    int64           `json:"round"`             // how often that step was committed without being over; of a list: the elements that are done
	Elements *int64          `json:"elements"`          // of the list that the step goes through; nil: it goes through none, so far
	Failures int             `json:"failures"`          // of that step, one after another
	Error    string          `json:"error"`             // the last of these, if any
	Reason   string          `json:"reason"`            // why it is halted, failed or cancelled
	Result   json.RawMessage `json:"result"`            // what a step has returned; nil: none has
	DueAt    *time.Time      `json:"due_at"`            // when it may go on; nil: it has ended, or is halted
	Awaits   []string        `json:"awaits"`            // the keys of the runs that it waits for

	LockedBy    string     `json:"locked_by"`    // the process that performs it, or was performing it when its lease ran out
	LockedUntil *time.Time `json:"locked_until"` // when the lease ends unless it is renewed; nil: nobody performs it
	Performing  bool       `json:"performing"`   // a process performs it: the lease has not run out

	BeganAt   time.Time  `json:"began_at"`
	ChangedAt time.Time  `json:"changed_at"`
	EndedAt   *time.Time `json:"ended_at"` // nil: it has not

	now    time.Time // the database's, when it was read
	locked bool      // a process has performed it at some time
}

// StepName is the step that is next, or that is undone next; of a run that is about to be cancelled, the one at which it was. Empty: there is none.
func (r Record) StepName() string {
	at := r.Step
	if r.EndsAs != "" && r.Status != Cancelling {
		at--
	}
	if at < 0 || at >= len(r.Steps) || r.Status.Ended() {
		return ""
	}
	return r.Steps[at]
}

// stale tells that a process performed it, and is taken for dead.
func (r Record) stale() bool { return r.LockedUntil != nil && !r.Performing }

// recordColumns are read by scanRecord, from the runs r and the renewed leases l.
const (
	recordColumns = `r.id, r.key, r.workflow, r.tenant, r.args, r.definition, r.metadata, r.state, r.ends_as, r.step, r.round,
	CASE jsonb_typeof(r.list) WHEN 'array' THEN jsonb_array_length(r.list) END, r.failures, r.error, r.reason, r.result, r.due_at, r.awaits,
	r.locked_by, CASE WHEN r.locked_until IS NOT NULL THEN greatest(r.locked_until, l.until) END,
	` + performing + `, r.began_at, r.changed_at, r.ended_at, now(), r.token > 0`

	performing = `coalesce(r.locked_until > now() OR r.locked_until IS NOT NULL
		AND EXISTS (SELECT FROM contrail.run_leases AS renewed WHERE renewed.run = r.id AND renewed.token = r.token AND renewed.until > now()), false)`

	withLease = ` LEFT JOIN contrail.run_leases AS l ON l.run = r.id AND l.token = r.token `
)

func scanRecord(row pgx.CollectableRow) (Record, error) {
	var r Record
	err := row.Scan(&r.ID, &r.Key, &r.Workflow, &r.Tenant, &r.Args, &r.Steps, &r.Metadata, &r.Status, &r.EndsAs, &r.Step, &r.Round,
		&r.Elements, &r.Failures, &r.Error, &r.Reason, &r.Result, &r.DueAt, &r.Awaits,
		&r.LockedBy, &r.LockedUntil, &r.Performing, &r.BeganAt, &r.ChangedAt, &r.EndedAt, &r.now, &r.locked)
	r.BeganAt, r.ChangedAt = r.BeganAt.UTC(), r.ChangedAt.UTC()
	for _, at := range []*time.Time{r.DueAt, r.LockedUntil, r.EndedAt} {
		if at != nil {
			*at = at.UTC()
		}
	}
	return r, err //nolint:wrapcheck // the callers do
}
