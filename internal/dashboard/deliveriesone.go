package dashboard

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/contrail-events/contrail/subscribers/deliveries"
	"github.com/contrail-events/contrail/subscribers/webhook"
)

// deliveryView is one delivery and all that became of it.
type deliveryView struct {
	deliveries.Timeline
}

// Title is what the page is about.
func (v *deliveryView) Title() string {
	return fmt.Sprintf("Delivery of %s to %s", v.Event.Type, spelled(v.Recipient))
}

func (d *Dashboard) readDelivery(ctx context.Context, r *request) (any, error) {
	id, err := uuid.Parse(r.path("id"))
	if err != nil {
		return nil, errNotFound("delivery " + r.path("id"))
	}
	timeline, err := deliveries.Explain(ctx, d.pool, id, deliveries.Scope{})
	if err != nil {
		return nil, errDelivery(err, r.path("id"))
	}
	return &deliveryView{timeline}, nil
}

// Webhook tells whether it goes to an endpoint, whose id is the recipient.
func (v *deliveryView) Webhook() bool { return v.Channel == webhook.Channel }

// Last is the delivery of the last round: where this one has ended, there may be another one in its place.
func (v *deliveryView) Last() uuid.UUID {
	if n := len(v.Rounds); n > 0 {
		return v.Rounds[n-1].ID
	}
	return v.ID
}

// The decisions that make sense now.

// CanRedrive tells whether it can be sent, or sent again.
func (v *deliveryView) CanRedrive() bool {
	return v.Standing == deliveries.StandingWaiting || v.Standing == deliveries.StandingHeld || v.Standing == deliveries.StandingEnded && v.Last() == v.ID
}

// CanCancel tells whether it can be given up.
func (v *deliveryView) CanCancel() bool {
	return v.Standing != deliveries.StandingEnded && v.Standing != deliveries.StandingStuck
}

// CanRecover tells whether its process is taken for dead.
func (v *deliveryView) CanRecover() bool { return v.Standing == deliveries.StandingStuck }

// Succeeded tells whether to send it again would reach the recipient twice for certain.
func (v *deliveryView) Succeeded() bool { return v.State == deliveries.Succeeded }

// Risky tells whether the recipient may have got it already.
func (v *deliveryView) Risky() bool {
	return v.Succeeded() || v.DuplicateRisk || v.Last() == v.ID && v.Timeline.Last != nil && v.Timeline.Last.Outcome == deliveries.OutcomeAmbiguous
}

// Seen is when it was changed last, as far as whoever looks at the page knows.
func (v *deliveryView) Seen() string { return v.ChangedAt.Format(time.RFC3339Nano) }

// Force is "yes" if it is sent again although it has succeeded.
func (v *deliveryView) Force() string {
	if v.Succeeded() {
		return "yes"
	}
	return ""
}

// RedriveText is what it means to redrive it, and what it risks.
func (v *deliveryView) RedriveText() string {
	text := "It is due at once, and may be tried as often as a new one. Rules are asked before it is sent; do away with the cause first."
	if v.Standing == deliveries.StandingEnded {
		text = "It stays what it is, and its event is sent again as a new delivery. Rules are asked before that; do away with the cause first."
	}
	switch {
	case v.Succeeded():
		return text + " It has succeeded: the recipient gets it twice."
	case v.Risky():
		return text + " Nobody knows whether it has reached the recipient already: it may get there twice. Look on the other side before, by the key " + v.ID.String() + "."
	}
	return text
}

// What is what happened in an entry, as in "attempt 1 failed".
func (*deliveryView) What(entry deliveries.Entry) string {
	switch entry.What { //nolint:exhaustive // the others say what they are
	case deliveries.EntryStarted:
		return fmt.Sprintf("attempt %d started", entry.Attempt)
	case deliveries.EntryCompleted:
		return fmt.Sprintf("attempt %d %s", entry.Attempt, entry.Outcome)
	case deliveries.EntryLate:
		return fmt.Sprintf("attempt %d %s, too late", entry.Attempt, entry.Outcome)
	}
	return string(entry.What)
}

// Details is what there is to say about an entry, but for its times.
func (*deliveryView) Details(entry deliveries.Entry) string {
	var details []string
	add := func(text, value string) {
		if value != "" {
			details = append(details, text+value)
		}
	}
	add("", entry.Because)
	if entry.DuplicateRisk {
		add("", "may be a duplicate")
	}
	add("", string(entry.Class))
	add("", entry.Error)
	add("", entry.Response)
	add("receipt ", entry.Receipt)
	return strings.Join(details, "; ")
}
