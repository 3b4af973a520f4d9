package webhook

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/subscribers"
	"github.com/contrail-events/contrail/subscribers/deliveries"
)

// Config says which events are posted, and how. Only Subscription.Durable is required.
type Config struct {
	// Subscription is how events come in. Its Durable is the Consumer of the endpoints that they are posted to, and of the ledger; events that it leaves out no endpoint gets.
	// Without an Inbox it has one in the same database as the endpoints; one that is given must be there too. Its Logger and DrainTimeout are those of the sending, too.
	Subscription subscribers.Config

	// AllowPrivate allows endpoints that are Private to be in a private network, or on this machine. Without it requests to those fail.
	AllowPrivate bool

	// Append appends the event [Disabled] to the event store, in the transaction that disables an endpoint; usually by the Append of an
	// eventstore.Store in the same database. An error of it leaves the endpoint enabled until the next failure. Nil: there is no such event.
	Append func(ctx context.Context, tx pgx.Tx, stream contrail.StreamID, events ...contrail.Event) error

	// Backoff is the time between the attempts of a delivery. Default: 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h.
	Backoff deliveries.Backoff

	// Circuit says when an endpoint counts as dead, and how often it is probed then.
	Circuit Circuit

	// DisableAfter is how long an endpoint may fail, with its circuit open, before it is disabled. Below zero: for ever. Default: 5 days.
	DisableAfter time.Duration

	// Events reads events back that are encrypted in their store, which Subscription.Keys opens: the ledger does not keep those. Default: from Subscription.Stream.
	Events deliveries.Reader

	// Rules are asked whether an event may be posted, when it is planned and before each attempt. The recipient is the endpoint's id.
	Rules []deliveries.Rule

	// PollInterval is how often the process looks for what others have planned, one query for all endpoints; what it has planned itself it finds
	// sooner. Default: 250 ms.
	PollInterval time.Duration

	// Lease is how long a process may be silent before others take over its endpoints. At least 1 s. Default: 15 s.
	Lease time.Duration
}

// Circuit is when an endpoint counts as dead.
type Circuit struct {
	Failures int           // so many requests failed, one after another. Default: 5
	ProbeMin time.Duration // until the first probe. Default: 30 s
	ProbeMax time.Duration // between probes, at most; the time doubles with each that fails. Default: 15 min
}

func (c Circuit) withDefaults() Circuit {
	c.Failures = orDefault(c.Failures, 5)
	c.ProbeMin = orDefault(c.ProbeMin, 30*time.Second)
	c.ProbeMax = orDefault(c.ProbeMax, max(c.ProbeMin, 15*time.Minute))
	return c
}

func (c Circuit) validate() error {
	return errors.Join(
		checkRange("Circuit.Failures", c.Failures, 1, 1<<20),
		checkRange("Circuit.ProbeMin", c.ProbeMin, time.Millisecond, 24*time.Hour),
		checkRange("Circuit.ProbeMax", c.ProbeMax, c.ProbeMin, 24*time.Hour),
	)
}

// usualSchedule is that of the Standard Webhooks: the tenth attempt comes after three days.
func usualSchedule() []time.Duration {
	return []time.Duration{
		5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
	}
}

func (c Config) withDefaults() Config {
	if c.Backoff.Min == 0 && c.Backoff.Max == 0 && len(c.Backoff.Schedule) == 0 {
		c.Backoff.Schedule = usualSchedule()
	}
	c.Circuit = c.Circuit.withDefaults()
	c.DisableAfter = orDefault(c.DisableAfter, 5*24*time.Hour)
	c.PollInterval = orDefault(c.PollInterval, 250*time.Millisecond)
	c.Lease = orDefault(c.Lease, 15*time.Second)
	c.Subscription.DrainTimeout = orDefault(c.Subscription.DrainTimeout, 30*time.Second)
	c.Subscription.Logger = orDefault(c.Subscription.Logger, slog.New(slog.DiscardHandler))
	return c
}

// validate reports every fault at once, but for those of Subscription. It expects the defaults to be filled in.
func (c Config) validate() error {
	return errors.Join(
		c.Circuit.validate(),
		checkRange("PollInterval", c.PollInterval, time.Millisecond, time.Minute),
		checkRange("Lease", c.Lease, time.Second, time.Hour),
	)
}

// policy is how the deliveries of an endpoint are tried.
func (c Config) policy(endpoint Endpoint) deliveries.Policy {
	return deliveries.Policy{
		MaxAttempts: endpoint.MaxAttempts, Timeout: endpoint.Timeout + overrun, Backoff: c.Backoff,
		Ambiguous: deliveries.Resend, // receivers know a delivery by its webhook-id
	}
}

// overrun is how much longer the ledger waits than the client, whose error says more.
const overrun = 3 * time.Second

// span is how long the attempts of a delivery take at most, by Backoff.
func (c Config) span(maxAttempts int) (whole time.Duration) {
	delay := c.Backoff.Min
	for i := range maxAttempts - 1 {
		if n := len(c.Backoff.Schedule); n > 0 {
			delay = c.Backoff.Schedule[min(i, n-1)]
		}
		whole += delay
		delay = min(2*delay, max(c.Backoff.Max, c.Backoff.Min))
	}
	return whole
}
