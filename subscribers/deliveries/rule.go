package deliveries

import (
	"context"
	"time"
)

// Checkpoint is when a [Rule] is asked.
type Checkpoint string

// The checkpoints.
const (
	Planning Checkpoint = "planning" // in the transaction that plans
	Sending  Checkpoint = "sending"  // in the transaction that begins an attempt, before each of them
)

// Rule decides whether a delivery may be sent now. It is asked at both checkpoints, and used from several goroutines. The rules are asked in
// their order; the first that does not say [Send] decides. An error at Planning is returned by [Ledger.Plan]; at Sending it defers the delivery, by [Policy.Backoff], without an attempt.
type Rule func(ctx context.Context, c RuleContext) (Verdict, error)

// RuleContext is what a [Rule] is asked about.
type RuleContext struct {
	Checkpoint Checkpoint
	Now        time.Time
	Delivery   Delivery // its ID is zero at Planning, and its Attempt before the first attempt; at Sending it is the number of the next one
	DB         Querier  // the transaction, which the rule neither commits nor rolls back
}

// Verdict is what a [Rule] decides. The zero value is [Send].
type Verdict struct {
	suppress bool
	until    time.Time
	reason   Reason
}

// Send has nothing against it.
func Send() Verdict { return Verdict{} }

// Suppress ends the delivery: it shall not be sent.
func Suppress(reason Reason) Verdict { return Verdict{suppress: true, reason: reason} }

// Defer has it wait until then, when the rules are asked again.
func Defer(until time.Time, reason Reason) Verdict { return Verdict{until: until, reason: reason} }
