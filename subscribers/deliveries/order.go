package deliveries

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/contrail-events/contrail/internal/sqltext"
)

// Order is what a person decides about a delivery, and why; both are kept in its timeline.
type Order struct {
	Scope

	By      string // who, such as user@host; required, at most MaxOrderBytes
	Because string // why; likewise

	// Seen is the ChangedAt of what the person has looked at: a delivery that has changed since stays as it is. Zero: whatever it is by now.
	Seen time.Time

	// Force has [Redrive] send again what has succeeded.
	Force bool
}

// MaxOrderBytes is how long each text of an [Order] may be.
const MaxOrderBytes = 1024

// Validate returns an error that names every faulty field at once.
func (o Order) Validate() error {
	var faults []error
	for _, part := range []struct{ field, text, missing string }{
		{"By", o.By, "must say who decides"},
		{"Because", o.Because, "must say why"},
	} {
		switch {
		case strings.TrimSpace(part.text) == "":
			faults = append(faults, fmt.Errorf("deliveries.Order: %s is empty, %s", part.field, part.missing))
		case !sqltext.IsText(part.text):
			faults = append(faults, fmt.Errorf("deliveries.Order: %s is %q, must be UTF-8 without NUL", part.field, part.text))
		case len(part.text) > MaxOrderBytes:
			faults = append(faults, fmt.Errorf("deliveries.Order: %s has %d bytes, must have %d at most", part.field, len(part.text), MaxOrderBytes))
		}
	}
	return errors.Join(faults...)
}

// Decided is what became of one delivery that a person has decided about.
type Decided struct {
	ID            uuid.UUID `json:"id"`
	Before        State     `json:"before"`
	After         State     `json:"after"`
	Changed       bool      `json:"changed"`          // now, by this call
	Done          bool      `json:"done"`             // it is as was asked for: it was changed, was so before, or comes to be so by itself
	Becomes       uuid.UUID `json:"becomes,omitzero"` // the new delivery that is sent in its place; zero: none
	DuplicateRisk bool      `json:"duplicate_risk"`   // the recipient may have got it already, and gets it again
	Text          string    `json:"text"`             // completes the sentence "delivery … ": what was done, or why not
}
