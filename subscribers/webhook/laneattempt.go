package webhook

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"time"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/sanitize"
	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/subscribers/deliveries"
)

// finished is an attempt that is over.
type finished struct {
	due    deliveries.Due
	probe  bool
	result deliveries.Result
	err    error // the ledger's
}

// begin attempts a delivery beside the lane.
func (l *lane) begin(ctx context.Context, due deliveries.Due, policy deliveries.Policy, probe bool) {
	policy.MaxAttempts = orUnbounded(policy.MaxAttempts, due.Counted, probe)
	go func() {
		result, err := l.ledger.Attempt(ctx, due, deliveries.AdapterFunc(l.post), policy)
		l.finished <- finished{due, probe, result, err}
	}()
}

// orUnbounded is the bound on attempts, of which at least the next one is within: probes may have used up more than there were.
func orUnbounded(most, counted int, probe bool) int {
	if most < 0 || probe {
		return most
	}
	return max(most, counted+1)
}

// post is the ledger's adapter.
func (l *lane) post(ctx context.Context, d deliveries.Delivery) (deliveries.Receipt, error) {
	if d.Event.Erased {
		return deliveries.Receipt{}, contrail.Skip("erased")
	}
	held := l.held()
	to := target{url: held.URL, secrets: held.secrets(time.Now()), timeout: held.Timeout, private: held.Private && l.config.AllowPrivate}
	if err := checkURL(to.url, to.private); err != nil {
		return deliveries.Receipt{}, deliveries.Temporary(fmt.Errorf("the endpoint's URL %w", err))
	}
	receipt, err := l.client.post(ctx, to, d.ID, wire.Append(nil, d.Source, published(d.Event)))
	if errors.Is(err, errGone) {
		err = deliveries.Temporary(fmt.Errorf("%w: it answers 410 Gone", errGone)) // it is cancelled with all others
	}
	return receipt, err
}

// published is an event as endpoints get it: in clear, and without the name of the key that it is encrypted with in its store.
func published(event contrail.Recorded) contrail.Recorded {
	if _, sealed := event.Metadata[contrail.KeySealedWith]; sealed {
		event.Metadata = maps.Clone(event.Metadata)
		delete(event.Metadata, contrail.KeySealedWith)
	}
	return event
}

// settle takes note of an attempt that is over.
func (l *lane) settle(ctx context.Context, f finished) {
	now := time.Now()
	ended, until := f.result.State.Ended(), f.result.Due
	if f.err != nil && !f.result.Begun || !ended && until.IsZero() {
		// The ledger is out of reach, somebody else has it in hand, or it is held for a person.
		until = now.Add(afterward)
	}
	l.window.settle(f.due, ended, until)
	if f.err != nil {
		l.complain(ctx, fmt.Errorf("post delivery %s to endpoint %s: %w", f.due.Delivery.ID, l.held().ID, f.err))
	}
	if !f.result.Begun {
		l.log.DebugContext(ctx, "a delivery was not begun", slog.String("id", f.due.Delivery.ID.String()), slog.String("state", string(f.result.State)),
			slog.String("reason", string(f.result.Reason)))
		return
	}
	switch f.result.Outcome {
	case deliveries.OutcomeSucceeded:
		l.succeeded(ctx, now)
	case deliveries.OutcomeFailed, deliveries.OutcomeAmbiguous:
		l.failed(ctx, now, f)
	case deliveries.OutcomeSkipped, deliveries.OutcomeStarted:
	}
}

// noteInterval is how often successes are written, one after another.
const noteInterval = 10 * time.Second

func (l *lane) succeeded(ctx context.Context, now time.Time) {
	before := l.health
	l.health.succeed(now)
	if before.failures == 0 && now.Sub(l.savedAt) < noteInterval {
		return
	}
	l.save(ctx)
	if before.open() {
		l.log.InfoContext(ctx, "the endpoint answers again, its circuit is closed", slog.String("endpoint", l.held().ID.String()),
			slog.Int("failures", before.failures), slog.Duration("after", now.Sub(before.failingSince)))
		l.revive(ctx)
	}
}

func (l *lane) failed(ctx context.Context, now time.Time, f finished) {
	wasOpen := l.health.open()
	message := messageOf(f.result.Err)
	l.health.fail(now, message, f.probe, l.config.Circuit)
	if delay, asked := contrail.RetryDelay(f.result.Err); asked {
		l.resume = now.Add(delay)
	}
	held := l.held()
	switch {
	case errors.Is(f.result.Err, errGone):
		l.disable(ctx, message)
	case l.health.hopeless(now, l.config.DisableAfter):
		l.disable(ctx, fmt.Sprintf("it has failed since %s, %d requests in a row, the last one: %s",
			l.health.failingSince.UTC().Format(time.RFC3339), l.health.failures, message))
	default:
		l.save(ctx)
	}
	if l.health.open() && !wasOpen {
		l.log.WarnContext(ctx, "the endpoint's circuit is open: it is only probed from now on", slog.String("endpoint", held.ID.String()),
			slog.Int("failures", l.health.failures), slog.String("error", message))
	}
}

func messageOf(err error) string {
	if err == nil {
		return "the request was given up"
	}
	return sanitize.Text(err.Error(), 0)
}

// save writes the health. What can't be written now is written with the next step.
func (l *lane) save(ctx context.Context) {
	ours, err := l.saveHealth(ctx)
	l.unsaved = err != nil
	switch {
	case err != nil:
		l.complain(ctx, err)
	case !ours:
		l.stop()
	default:
		l.savedAt = time.Now()
	}
}

// reviveSQL locks what it makes due, by the index deliveries_lane.
const reviveSQL = `UPDATE contrail.deliveries SET due_at = clock_timestamp(), changed_at = clock_timestamp()
	WHERE consumer = $1 AND lane = $2 AND lane <> '' AND state = 'failed' AND due_at > clock_timestamp() AND reason IN ('temporary', 'unknown', 'ambiguous')`

// revive makes due what waits for its next attempt, now that the endpoint answers again.
func (l *lane) revive(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, bulkTime)
	defer cancel()
	if _, err := l.pool.Exec(ctx, reviveSQL, l.consumer, l.held().ID.String()); err != nil {
		l.complain(ctx, fmt.Errorf("make due what endpoint %s has not got: %w", l.held().ID, err))
	}
	l.stale = true
}
