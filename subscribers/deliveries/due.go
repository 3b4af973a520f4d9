package deliveries

import (
	"time"

	"github.com/google/uuid"

	"github.com/contrail-events/contrail"
)

// Due is a delivery that has not ended, as one who attempts it needs it. It does not hold the event's data.
type Due struct {
	Number  int64 // in the order in which deliveries were planned
	State   State // Pending, Dispatched or Failed
	Reason  Reason
	At      time.Time // when it may be begun; zero: an attempt is under way, or it is held for a person
	Stream  string    // of events
	Type    string    // of the event
	EventID uuid.UUID

	// Delivery has no Source, and of the event only what stands above; its Attempt is the number of the next one.
	Delivery Delivery

	// Counted is how many attempts count against [Policy.MaxAttempts]: those since a person has last had it tried again.
	Counted int

	position contrail.Position
	sequence uint64
	sealed   bool // the ledger does not keep the body
}
