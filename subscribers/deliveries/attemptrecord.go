package deliveries

import "time"

// AttemptRecord is an attempt as it stands in the ledger. Times are in UTC; what the other side said was made harmless before it was kept.
type AttemptRecord struct {
	Number        int         `json:"number"` // 1, 2, 3 …
	StartedAt     time.Time   `json:"started_at"`
	StartedBy     string      `json:"started_by"`            // the process
	LeaseUntil    time.Time   `json:"lease_until"`           // not completed by then: its process is taken for dead
	DuplicateRisk bool        `json:"duplicate_risk"`        // an earlier call may have reached the recipient
	CompletedAt   time.Time   `json:"completed_at,omitzero"` // zero: it is under way
	Outcome       Outcome     `json:"outcome"`
	Class         Class       `json:"class,omitempty"` // of a failure
	Error         string      `json:"error,omitempty"`
	Response      string      `json:"response,omitempty"`        // what the other side said
	Receipt       string      `json:"receipt,omitempty"`         // by which the other side knows it
	Seconds       float64     `json:"duration_seconds,omitzero"` // of the call
	Late          *LateRecord `json:"late,omitempty"`            // the outcome that came although the attempt was ambiguous by then; nil: none
}

// LateRecord is an outcome that came too late to change anything.
type LateRecord struct {
	At       time.Time `json:"at"`
	Outcome  Outcome   `json:"outcome"`
	Class    Class     `json:"class,omitempty"`
	Error    string    `json:"error,omitempty"`
	Response string    `json:"response,omitempty"`
	Receipt  string    `json:"receipt,omitempty"`
	Seconds  float64   `json:"duration_seconds,omitzero"`
}

// attemptSQL is an attempt a as AttemptRecord reads it.
const attemptSQL = `jsonb_build_object('number', a.number, 'started_at', a.started_at, 'started_by', a.started_by, 'lease_until', a.lease_until,
	'duplicate_risk', a.duplicate_risk, 'completed_at', a.completed_at, 'outcome', a.outcome, 'class', a.class, 'error', a.error,
	'response', a.response, 'receipt', a.receipt, 'duration_seconds', extract(epoch FROM a.duration),
	'late', (a.late - 'duration') || jsonb_build_object('duration_seconds', a.late -> 'duration'))`

// toUTC makes the times those of UTC: in JSON they come in the session's time zone.
func (a *AttemptRecord) toUTC() {
	if a == nil {
		return
	}
	a.StartedAt, a.LeaseUntil, a.CompletedAt = a.StartedAt.UTC(), a.LeaseUntil.UTC(), a.CompletedAt.UTC()
	if a.Late != nil {
		a.Late.At = a.Late.At.UTC()
	}
}
