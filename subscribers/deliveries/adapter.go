package deliveries

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/contrail-events/contrail"
)

// Adapter sends by one channel. It is used from several goroutines.
type Adapter interface {
	// Deliver sends d, and returns nil when the other side has taken it. Otherwise the error says what is to happen:
	//
	//   - [contrail.Permanent]: no retry will help; the delivery is cancelled as permanent_failure.
	//   - [Bounced]: the recipient can't be reached there; it is cancelled as bounced.
	//   - [Temporary], or [contrail.RetryAfter] with its delay: it is tried again.
	//   - [contrail.Skip]: it need not be sent; it is suppressed with that reason.
	//   - [Ambiguous]: the adapter does not know whether it took effect; [Policy.Ambiguous] decides. The same holds for an error that wraps that of ctx
	//     when ctx has ended, and for a call that does not return.
	//   - Any other, a panic and runtime.Goexit: it is tried again too, with the risk of a duplicate, and the error is raised: Run logs it as an error, [Ledger.Deliver] returns it.
	//
	// The receipt is kept with either of them. ctx ends after [Policy.Timeout], and names the event as the cause of what is appended with it. Give d.Key to a provider
	// that recognises repeated requests.
	Deliver(ctx context.Context, d Delivery) (Receipt, error)
}

// AdapterFunc is a function as an [Adapter].
type AdapterFunc func(ctx context.Context, d Delivery) (Receipt, error)

// Deliver calls f.
func (f AdapterFunc) Deliver(ctx context.Context, d Delivery) (Receipt, error) { return f(ctx, d) }

// Delivery is what an [Adapter] is to send.
type Delivery struct {
	ID        uuid.UUID
	Consumer  string // in whose ledger it stands
	Channel   string
	Recipient string
	Lane      string // empty: none
	Tenant    string // the event's; empty: none
	PlannedAt time.Time
	Round     int // 1; 2, 3 …: a person has had it sent again although the one before it had ended

	Event  contrail.Recorded // its data is readable, or Erased
	Source string            // the CloudEvent's

	Attempt       int  // 1, 2, 3 …
	DuplicateRisk bool // the recipient may have got it already, by an earlier attempt whose outcome nobody knows
}

// Key is the same for all attempts of a delivery, and for no other delivery: an idempotency key for providers that take one.
func (d Delivery) Key() string { return d.ID.String() }

// Receipt is what the other side answered. Both are cut and made harmless before they are kept: valid UTF-8 without control characters,
// at most 1 KiB, and what looks like a secret masked.
type Receipt struct {
	ID       string // by which the other side knows it, such as a message id
	Response string // what it said, for people
}
