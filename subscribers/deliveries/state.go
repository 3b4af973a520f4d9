package deliveries

// State is where a delivery stands.
type State string

// The states. Succeeded, Suppressed and Cancelled are the end.
const (
	Pending    State = "pending"    // planned, and not begun
	Dispatched State = "dispatched" // an attempt is under way
	Failed     State = "failed"     // the last attempt failed: another one is due, or a person decides
	Succeeded  State = "succeeded"
	Suppressed State = "suppressed" // a rule or the adapter says that it shall not be sent
	Cancelled  State = "cancelled"  // given up; the reason says why
)

// States are all of them, in the order in which a delivery may pass them.
func States() []State { return []State{Pending, Dispatched, Failed, Succeeded, Suppressed, Cancelled} }

// Ended tells whether a delivery in this state stays in it.
func (s State) Ended() bool { return s == Succeeded || s == Suppressed || s == Cancelled }

// Reason says in a word why a delivery stands where it stands. Rules, adapters and people give reasons of their own.
type Reason string

// The reasons that the ledger itself gives.
const (
	ReasonTemporary    Reason = "temporary"            // failed: the adapter says that it may succeed later
	ReasonUnknown      Reason = "unknown"              // failed: by an error that says nothing of the kind, or a panic
	ReasonAmbiguous    Reason = "ambiguous"            // failed: nobody knows whether the last attempt took effect; held, or due again
	ReasonPermanent    Reason = "permanent_failure"    // cancelled: the adapter says that no retry will help
	ReasonBounced      Reason = "bounced"              // cancelled: the recipient can't be reached there
	ReasonExhausted    Reason = "retries_exhausted"    // cancelled: the last allowed attempt failed
	ReasonUnreadable   Reason = "event_unreadable"     // cancelled: its event can't be read, now or later
	ReasonUnread       Reason = "event_unread"         // pending or failed: its event could not be read back so far
	ReasonRuleFailed   Reason = "rule_failed"          // pending or failed: a rule returned an error, and is asked again
	ReasonQuietHours   Reason = "quiet_hours"          // pending or failed: deferred by QuietHours
	ReasonCap          Reason = "delivery_cap_reached" // suppressed by Cap
	ReasonNotBefore    Reason = "not_before"           // pending: planned for later
	ReasonLaneCanceled Reason = "lane_cancelled"       // cancelled with its lane, by one who gives no other reason
)

// Outcome is what became of an attempt.
type Outcome string

// The outcomes.
const (
	OutcomeStarted   Outcome = "started"   // and not over
	OutcomeSucceeded Outcome = "succeeded" // the other side has taken it
	OutcomeFailed    Outcome = "failed"    // see its Class
	OutcomeSkipped   Outcome = "skipped"   // the adapter says that it need not be sent
	OutcomeAmbiguous Outcome = "ambiguous" // nobody knows whether the call took effect
)

// Class tells failures apart.
type Class string

// The classes of failures. Other outcomes have none.
const (
	ClassTemporary Class = "temporary" // may succeed later
	ClassPermanent Class = "permanent" // never will
	ClassBounced   Class = "bounced"   // the recipient can't be reached there
	ClassUnknown   Class = "unknown"   // the error does not tell; tried again as if it were temporary
)
