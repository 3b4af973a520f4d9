package deliveries

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/contrail-events/contrail"
)

// Event is what deliveries are about: an event as it reached a handler.
type Event struct {
	contrail.Recorded

	Source   string // the CloudEvent's
	Sequence uint64 // in the JetStream stream; 0: not known
}

// From is the event that a handler was called with.
func From[T any](e contrail.Delivered[T]) Event {
	return Event{Recorded: e.Recorded, Source: e.Delivery.Source, Sequence: e.Delivery.Sequence}
}

// sealed tells whether the event is encrypted in its store, whether or not it is readable here.
func (e Event) sealed() bool { return e.Metadata[contrail.KeySealedWith] != "" }

func (e Event) tenant() string { return e.Metadata[contrail.KeyTenantID] }

// Target says whom an event is to reach, and how. Within a consumer's ledger an event has one delivery for each channel and recipient.
type Target struct {
	Channel   string // as in mail: names the adapter; required
	Recipient string // whom the adapter knows by that, as in contact-42, rather than an address; required

	// NotBefore is when it may be sent at the earliest. Zero: at once.
	NotBefore time.Time

	// Lane, if it is given, keeps the delivery from Run: it is for one who holds the lane, and begins its deliveries in their order by [Ledger.Attempt].
	Lane string
}

const maxNameBytes = 500

func (t Target) validate() error {
	return errors.Join(
		checkText("Channel", t.Channel, true), checkText("Recipient", t.Recipient, true), checkText("Lane", t.Lane, false))
}

func checkText(field, text string, required bool) error {
	switch {
	case required && text == "":
		return fmt.Errorf("%s is required", field)
	case len(text) > maxNameBytes:
		return fmt.Errorf("%s has %d bytes, more than %d", field, len(text), maxNameBytes)
	case !utf8.ValidString(text) || strings.ContainsRune(text, 0):
		return fmt.Errorf("%s: %q is not UTF-8, or has a NUL, which PostgreSQL can't hold", field, text)
	}
	return nil
}
