package deliveries

// Standing is what a delivery waits for, by the database's clock.
type Standing string

// The standings.
const (
	StandingDue     Standing = "due"     // pending or failed: it may be begun, and nobody has taken it so far
	StandingClaimed Standing = "claimed" // pending or failed: a process has taken it, and is about to begin it
	StandingWaiting Standing = "waiting" // pending or failed: it is due later
	StandingHeld    Standing = "held"    // pending or failed: a person decides, see [Redrive] and [Cancel]
	StandingRunning Standing = "running" // dispatched: its attempt is under way
	StandingStuck   Standing = "stuck"   // dispatched: the lease of its attempt is over, and it waits to be recovered
	StandingEnded   Standing = "ended"   // succeeded, suppressed or cancelled
)

// Standings are all of them.
func Standings() []Standing {
	return []Standing{StandingDue, StandingClaimed, StandingWaiting, StandingHeld, StandingRunning, StandingStuck, StandingEnded}
}

// states are those in which a delivery can stand so.
func (s Standing) states() []State {
	switch s {
	case StandingDue, StandingClaimed, StandingWaiting, StandingHeld:
		return []State{Pending, Failed}
	case StandingRunning, StandingStuck:
		return []State{Dispatched}
	case StandingEnded:
		return []State{Succeeded, Suppressed, Cancelled}
	}
	return nil
}

// standingSQL says it of a delivery d and its last attempt a.
const standingSQL = `CASE
	WHEN d.state = 'dispatched' THEN CASE WHEN a.lease_until < clock_timestamp() THEN 'stuck' ELSE 'running' END
	WHEN d.state NOT IN ('pending', 'failed') THEN 'ended'
	WHEN d.due_at IS NULL THEN 'held'
	WHEN d.claimed_until > clock_timestamp() THEN 'claimed'
	WHEN d.due_at > clock_timestamp() THEN 'waiting'
	ELSE 'due' END`
