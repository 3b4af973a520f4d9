package audit

import (
	"errors"
	"time"
)

// ErrNotFound says that there is no such entry.
var ErrNotFound = errors.New("no such entry in the audit log")

// Action is what somebody is about to do.
type Action struct {
	Who     string            // the user's name; required
	Role    string            // the user's role, as in operator
	Address string            // that it is asked from
	Action  string            // as in relay.pause; required
	Target  string            // as in "relay host:123"
	Reason  string            // in the person's words
	Form    map[string]string // what was asked, field by field; no secrets
}

// Entry is an action as it stands in the log.
type Entry struct {
	ID      int64             `json:"id"`
	BeganAt time.Time         `json:"began_at"`
	EndedAt *time.Time        `json:"ended_at"` // nil: it is still being done, or its process has died
	Who     string            `json:"who"`
	Role    string            `json:"role"`
	Address string            `json:"address"`
	Action  string            `json:"action"`
	Target  string            `json:"target"`
	Reason  string            `json:"reason"`
	Form    map[string]string `json:"form"`
	Outcome Outcome           `json:"outcome"`
	Results []Result          `json:"results"` // nil in a list
	Error   string            `json:"error"`
}

// Result is what became of one thing that an action was done to.
type Result struct {
	What    string  `json:"what"`    // as in "dead letter 0190…"
	Outcome Outcome `json:"outcome"` // Done, Pending, Failed or Refused
	Detail  string  `json:"detail"`  // why, or what it means
}
