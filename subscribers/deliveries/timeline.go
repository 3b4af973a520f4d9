package deliveries

import (
	"slices"
	"time"
)

// EntryKind is what an [Entry] of a timeline is about. Rules and lanes may write others to the ledger's log.
type EntryKind string

// What happens to deliveries.
const (
	EntryPlanned    EntryKind = "planned"
	EntryDeferred   EntryKind = "deferred"
	EntryStarted    EntryKind = "started"   // an attempt
	EntryCompleted  EntryKind = "completed" // an attempt, with its outcome
	EntryLate       EntryKind = "late"      // the outcome of an attempt that was ambiguous by then; it changes nothing
	EntryRecovered  EntryKind = "recovered" // its process was taken for dead
	EntryHeld       EntryKind = "held"      // for a person
	EntryRedriven   EntryKind = "redriven"  // by a person: it, or as a new delivery since it had ended, or it is that new one
	EntrySuppressed EntryKind = "suppressed"
	EntryCancelled  EntryKind = "cancelled"
	EntryCancelling EntryKind = "cancelling" // by a person, in case the attempt under way does not succeed
)

// Entry is one of the things that happened to a delivery. Of those fields that its What does not need, none is set.
type Entry struct {
	At      time.Time `json:"at"` // in UTC
	What    EntryKind `json:"what"`
	By      string    `json:"by,omitempty"`      // the process, or the person
	Because string    `json:"because,omitempty"` // a reason in a word, or a person's
	Until   time.Time `json:"until,omitzero"`    // when it is due, of what was deferred, recovered or redriven

	Attempt       int     `json:"attempt,omitempty"` // its number
	DuplicateRisk bool    `json:"duplicate_risk,omitempty"`
	Outcome       Outcome `json:"outcome,omitempty"`
	Class         Class   `json:"class,omitempty"`
	Error         string  `json:"error,omitempty"`
	Response      string  `json:"response,omitempty"`
	Receipt       string  `json:"receipt,omitempty"`
	Seconds       float64 `json:"duration_seconds,omitzero"`
}

// entries puts in order what the ledger has of a delivery. What was planned comes first, whatever clocks say.
func entries(r Record, attempts []AttemptRecord, log []logged) []Entry {
	var all []Entry
	for n := range attempts {
		attempts[n].toUTC()
		all = append(all, attempts[n].entries()...)
	}
	for _, l := range log {
		all = append(all, Entry{At: l.At.UTC(), What: EntryKind(l.What), By: l.By, Because: l.Because, Until: l.Until.UTC()})
	}
	slices.SortStableFunc(all, func(x, y Entry) int { return x.At.Compare(y.At) })
	return slices.Insert(all, 0, Entry{At: r.PlannedAt, What: EntryPlanned})
}

// entries are what one attempt has to tell.
func (a *AttemptRecord) entries() []Entry {
	all := []Entry{{At: a.StartedAt, What: EntryStarted, By: a.StartedBy, Attempt: a.Number, DuplicateRisk: a.DuplicateRisk}}
	if !a.CompletedAt.IsZero() {
		all = append(all, Entry{
			At: a.CompletedAt, What: EntryCompleted, Attempt: a.Number, Outcome: a.Outcome, Class: a.Class, Error: a.Error, Response: a.Response,
			Receipt: a.Receipt, Seconds: a.Seconds,
		})
	}
	if late := a.Late; late != nil {
		all = append(all, Entry{
			At: late.At, What: EntryLate, Attempt: a.Number, Outcome: late.Outcome, Class: late.Class, Error: late.Error, Response: late.Response,
			Receipt: late.Receipt, Seconds: late.Seconds,
		})
	}
	return all
}
