package steps

import (
	"encoding/json"
	"maps"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail"
)

// run is a row of contrail.runs, as far as performing needs it.
type run struct {
	id         uuid.UUID
	key        string
	workflow   string
	args       json.RawMessage
	definition []string
	metadata   contrail.Metadata
	status     Status
	endsAs     Status
	step       int
	round      int64
	list       []json.RawMessage
	failures   int
	retrying   bool
	err        string
	reason     string
	result     json.RawMessage
	due        *time.Time
	awaits     []string
	token      int64
	left       time.Duration // until it is due, when this process has it wait
}

// newRun is what a run is begun with.
type newRun struct {
	key        string
	workflow   string
	args       json.RawMessage
	definition []string
}

// runColumns are what scan reads, of contrail.runs AS r.
const runColumns = `r.id, r.key, r.workflow, r.args, r.definition, r.metadata, r.state, r.ends_as, r.step, r.round, r.list, r.failures, r.retrying, r.error,
	r.reason, r.result, r.due_at, r.awaits, r.token`

// scan reads runColumns, and those that follow them into more.
func (r *run) scan(row pgx.Row, more ...any) error {
	var list []byte
	r.list, r.metadata = nil, nil
	err := row.Scan(append([]any{
		&r.id, &r.key, &r.workflow, &r.args, &r.definition, &r.metadata, &r.status, &r.endsAs, &r.step, &r.round, &list, &r.failures, &r.retrying, &r.err,
		&r.reason, &r.result, &r.due, &r.awaits, &r.token,
	}, more...)...)
	if err == nil && list != nil {
		err = json.Unmarshal(list, &r.list)
	}
	return err //nolint:wrapcheck // the callers do
}

// surroundings are what events have that the run's steps append: what the run was begun with, and the run itself where that has no cause and no
// correlation.
func (r *run) surroundings() contrail.Metadata {
	metadata := contrail.Metadata{contrail.KeyCausationID: r.id.String(), contrail.KeyCorrelationID: r.id.String()}
	maps.Copy(metadata, r.metadata)
	return metadata
}

// take makes a move that was committed.
func (r *run) take(next move, result *string) {
	if next.step != r.step || next.endsAs != "" {
		r.list = nil
	}
	if next.list != nil {
		r.list = next.list
	}
	r.status, r.endsAs, r.step, r.round, r.reason, r.err, r.awaits = next.status, next.endsAs, next.step, next.round, next.reason, next.err, next.awaits
	r.failures, r.retrying, r.left = 0, false, next.delay
	if !next.until.IsZero() {
		r.left = max(time.Until(next.until), 0)
	}
	if result != nil {
		r.result = json.RawMessage(*result)
	}
}

func (r *run) halted() error {
	reason := r.reason
	if r.endsAs != "" {
		reason = "what it has done could not be undone: " + r.err
	}
	return &HaltedError{Run: r.key, Step: r.standing(), Reason: reason}
}

func (r *run) waiting(until time.Time, left time.Duration) error {
	return &WaitingError{Run: r.key, Step: r.standing(), Until: until, Awaits: r.awaits, left: left}
}

// standing is the name of the step at which a run stands that has not ended.
func (r *run) standing() string {
	at := r.step
	if r.endsAs != "" && r.status != Cancelling {
		at--
	}
	return r.definition[at]
}
