package deadletters

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/nats-io/nats.go"
)

// Headers of what was decided about.
const (
	HeaderRequeuedBy       = "Contrail-Requeued-By"
	HeaderRequeuedBecause  = "Contrail-Requeued-Because"
	HeaderDiscardedBy      = "Contrail-Discarded-By"
	HeaderDiscardedBecause = "Contrail-Discarded-Because"
)

// Decision is who decides, and why; both are kept beside what becomes of a letter. Line breaks and other control characters become spaces.
type Decision struct {
	By      string // who, such as user@host; at most MaxDecisionBytes
	Because string // why; at most MaxDecisionBytes
}

// MaxDecisionBytes is how long each part of a [Decision] may be.
const MaxDecisionBytes = 1024

// validate names every faulty field at once. Both have to be there where a payload is lost by it.
func (d Decision) validate(required bool) error {
	var faults []error
	for _, part := range []struct{ field, text, missing string }{
		{"By", d.By, "must say who decides"},
		{"Because", d.Because, "must say why the events shall not be handled"},
	} {
		switch {
		case required && d.line(part.text) == "":
			faults = append(faults, fmt.Errorf("deadletters.Decision: %s is empty, %s", part.field, part.missing))
		case !utf8.ValidString(part.text):
			faults = append(faults, fmt.Errorf("deadletters.Decision: %s is %q, must be UTF-8", part.field, part.text))
		case len(part.text) > MaxDecisionBytes:
			faults = append(faults, fmt.Errorf("deadletters.Decision: %s has %d bytes, must have %d at most", part.field, len(part.text), MaxDecisionBytes))
		}
	}
	return errors.Join(faults...)
}

// write sets what there is.
func (d Decision) write(header nats.Header, by, because string) {
	for name, text := range map[string]string{by: d.By, because: d.Because} {
		if line := d.line(text); line != "" {
			header.Set(name, line)
		}
	}
}

// line makes text fit for a header.
func (Decision) line(text string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text))
}

// decisionOf reads what write wrote.
func decisionOf(state State, header nats.Header) Decision {
	switch state {
	case Requeued:
		return Decision{By: header.Get(HeaderRequeuedBy), Because: header.Get(HeaderRequeuedBecause)}
	case Discarded:
		return Decision{By: header.Get(HeaderDiscardedBy), Because: header.Get(HeaderDiscardedBecause)}
	case Dead:
	}
	return Decision{}
}
