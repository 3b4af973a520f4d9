package webhook

import (
	"context"
	"fmt"
	"time"
)

// health is how an endpoint's requests went of late, and with it the state of its circuit.
type health struct {
	failures     int // one after another
	failingSince time.Time
	openedAt     time.Time // zero: the circuit is closed
	probeAt      time.Time // when the next probe is due
	lastError    string
	lastSuccess  time.Time
}

func healthOf(e Endpoint) health {
	return health{
		failures: e.Failures, failingSince: timeOf(e.FailingSince), openedAt: timeOf(e.OpenedAt), probeAt: timeOf(e.ProbeAt),
		lastError: e.LastError, lastSuccess: timeOf(e.LastSuccessAt),
	}
}

// open tells whether nothing is sent but probes.
func (h *health) open() bool { return !h.openedAt.IsZero() }

// succeed takes note of a request that succeeded.
func (h *health) succeed(now time.Time) { *h = health{lastError: h.lastError, lastSuccess: now} }

// fail takes note of a request that failed. One that was under way when the circuit opened does not count: it says nothing new.
func (h *health) fail(now time.Time, message string, probe bool, circuit Circuit) {
	h.lastError = message
	if h.open() && !probe {
		return
	}
	h.failures++
	if h.failingSince.IsZero() {
		h.failingSince = now
	}
	beyond := h.failures - circuit.Failures
	if beyond < 0 {
		return
	}
	if !h.open() {
		h.openedAt = now
	}
	wait := circuit.ProbeMin
	for ; beyond > 0 && wait < circuit.ProbeMax; beyond-- {
		wait *= 2
	}
	h.probeAt = now.Add(min(wait, circuit.ProbeMax))
}

// hopeless tells whether the endpoint has failed for so long that it is disabled.
func (h *health) hopeless(now time.Time, after time.Duration) bool {
	return after > 0 && h.open() && now.Sub(h.failingSince) >= after
}

// healthSQL locks the endpoint's row, if its holder is still the one that asks.
const healthSQL = `UPDATE contrail.webhooks SET failures = $3, failing_since = $4, opened_at = $5, probe_at = $6, last_error = $7,
		last_success_at = coalesce($8, last_success_at)
	WHERE id = $1 AND token = $2 AND state = 'enabled'`

// saveHealth returns false when the endpoint is another process's by now, disabled or removed.
func (l *lane) saveHealth(ctx context.Context) (ours bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	h := l.health
	held := l.held()
	tag, err := l.pool.Exec(ctx, healthSQL, held.ID, held.token, h.failures, orNull(h.failingSince), orNull(h.openedAt), orNull(h.probeAt),
		h.lastError, orNull(h.lastSuccess))
	if err != nil {
		return false, fmt.Errorf("keep the health of endpoint %s: %w", held.ID, err)
	}
	return tag.RowsAffected() > 0, nil
}

func timeOf(at *time.Time) time.Time {
	if at == nil {
		return time.Time{}
	}
	return *at
}

func orNull(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	return &at
}
