package deliveries

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/sanitize"
	"github.com/contrail-events/contrail/internal/wire"
)

// The functions are made, and explained, by migration 00013.
const (
	beginSQL  = `SELECT number, risk, last, body FROM contrail.delivery_begin($1, $2, $3::interval, $4, $5, $6::interval)`
	decideSQL = `SELECT state, reason, due FROM contrail.delivery_decide($1, $2, $3, $4, $5, $6, $7::interval)`

	// It relies on the primary keys.
	bodySQL = `SELECT e.body FROM contrail.delivery_events AS e JOIN contrail.deliveries AS d ON (d.consumer, d.event) = (e.consumer, e.id) WHERE d.id = $1`

	// By its primary key; the transaction has it locked.
	forgiveSQL = `UPDATE contrail.deliveries SET forgiven = forgiven + 1 WHERE id = $1`

	// Those of a delivery are few.
	beganSQL = `SELECT number FROM contrail.delivery_attempts WHERE delivery = $1 AND started_by = $2 AND outcome = 'started'`
)

// begun is an attempt that is to be made now.
type begun struct {
	Delivery

	counted int  // how many attempts count against the bound, with this one
	last    bool // no other one follows a failure
	until   time.Time
	fault   error // the event can't be decoded
}

// isOld tells whether the process has stood still since, so that others may take the attempt for lost before the call is over.
func (b *begun) isOld(policy Policy) bool {
	return time.Until(b.until) < policy.lease()-margin/2
}

var errHeldUp = errors.New("the process stood still when it had begun the attempt, and its time was up; nothing was called")

// begin begins a delivery, or returns nil and what has become of it instead.
func (l *Ledger) begin(ctx context.Context, d Due, policy Policy) (*begun, Result, error) {
	var event *Event
	err := protect(func() (err error) {
		event, err = l.readBack(ctx, d)
		return err
	})
	if err != nil {
		result, err := l.unread(ctx, d, policy, err)
		return nil, result, err
	}
	if len(l.config.Rules) > 0 {
		return l.beginByRules(ctx, d, policy, event)
	}
	attempt, result, err := l.beginRow(ctx, l.db, d, policy, event)
	if err != nil {
		l.disown(ctx, d, policy)
	}
	return attempt, result, err
}

// beginRow begins it, whatever the rules say. event may be nil: then the ledger keeps it.
func (l *Ledger) beginRow(ctx context.Context, db Querier, d Due, policy Policy, event *Event) (*begun, Result, error) {
	attempt := &begun{Delivery: d.Delivery, counted: d.Counted + 1, until: time.Now().Add(policy.lease())}
	var body []byte
	err := db.QueryRow(ctx, beginSQL, d.Delivery.ID, l.process, policy.lease(), policy.MaxAttempts, string(policy.Ambiguous), policy.Backoff.delay(d.Counted+1)).
		Scan(&attempt.Attempt, &attempt.DuplicateRisk, &attempt.last, &body)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, Result{}, nil
	case err != nil:
		return nil, Result{}, fmt.Errorf("begin delivery %s: %w", d.Delivery.ID, explain(err))
	case attempt.Attempt == 0:
		return nil, Result{State: Cancelled, Reason: ReasonExhausted}, nil
	}
	if event == nil {
		event, attempt.fault = decode(body)
	}
	if event != nil {
		attempt.Event, attempt.Source = event.Recorded, event.Source
	}
	return attempt, Result{}, nil
}

// beginByRules asks the rules in the transaction that begins it.
func (l *Ledger) beginByRules(ctx context.Context, d Due, policy Policy, event *Event) (*begun, Result, error) {
	tx, err := l.db.BeginTx(ctx, readCommitted())
	if err != nil {
		return nil, Result{}, fmt.Errorf("begin delivery %s: %w", d.Delivery.ID, err)
	}
	defer tx.Rollback(context.WithoutCancel(ctx))
	verdict, event, err := l.askSending(ctx, tx, d, event)
	if err != nil {
		_ = tx.Rollback(ctx)
		result, failed := l.putOff(ctx, d, settlement{reason: ReasonRuleFailed, detail: err.Error(), delay: policy.Backoff.delay(d.Counted + 1)})
		l.logRule(ctx, d, err)
		return nil, result, failed
	}
	var attempt *begun
	var result Result
	switch {
	case verdict.suppress:
		result, err = l.decide(ctx, tx, d, settlement{state: Suppressed, reason: verdict.reason})
	case !verdict.until.IsZero():
		result, err = l.decide(ctx, tx, d, settlement{reason: verdict.reason, until: &verdict.until})
	default:
		attempt, result, err = l.beginRow(ctx, tx, d, policy, event)
	}
	if err != nil {
		return nil, Result{}, err
	}
	if err := tx.Commit(ctx); err != nil {
		l.disown(ctx, d, policy)
		return nil, Result{}, fmt.Errorf("begin delivery %s: commit: %w", d.Delivery.ID, err)
	}
	return attempt, result, nil
}

func (l *Ledger) askSending(ctx context.Context, tx pgx.Tx, d Due, event *Event) (Verdict, *Event, error) {
	if event == nil {
		var body []byte
		if err := tx.QueryRow(ctx, bodySQL, d.Delivery.ID).Scan(&body); err != nil {
			return Verdict{}, nil, fmt.Errorf("read the event: %w", err)
		}
		var err error
		if event, err = decode(body); err != nil {
			return Verdict{}, nil, nil //nolint:nilerr // there is nothing to ask about; it fails the attempt, for good
		}
	}
	about := d.Delivery
	about.Event, about.Source = event.Recorded, event.Source
	verdict, err := l.ask(ctx, RuleContext{Checkpoint: Sending, Now: time.Now(), Delivery: about, DB: tx})
	return verdict, event, err
}

// settlement is what becomes of a delivery instead of an attempt.
type settlement struct {
	state  State // "": it stays what it is, and is put off
	reason Reason
	detail string     // for the log; empty: the reason
	until  *time.Time // nil: for delay
	delay  time.Duration
}

func (l *Ledger) decide(ctx context.Context, db Querier, d Due, made settlement) (Result, error) {
	var state *string
	if made.state != "" {
		state = (*string)(&made.state)
	}
	var became, reason string
	var due *time.Time
	err := db.QueryRow(ctx, decideSQL, d.Delivery.ID, l.process, state, string(made.reason),
		sanitize.Text(orDefault(made.detail, string(made.reason)), 0), made.until, made.delay).Scan(&became, &reason, &due)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return Result{}, nil
	case err != nil:
		return Result{}, fmt.Errorf("decide about delivery %s: %w", d.Delivery.ID, explain(err))
	}
	result := Result{State: State(became), Reason: Reason(reason)}
	if due != nil {
		result.Due = *due
	}
	return result, nil
}

// disown completes an attempt that was begun although the answer said that it could not be: nothing was called, so it counts against no bound. The
// ledger has a delivery in hand once at a time, so what this process has begun and not completed is that.
func (l *Ledger) disown(ctx context.Context, d Due, policy Policy) {
	err := l.persist(ctx, time.Now().Add(policy.lease()), func(ctx context.Context) error { return l.disownOnce(ctx, d, policy) })
	if err != nil {
		l.logDisowned(ctx, d, err)
	}
}

func (l *Ledger) disownOnce(ctx context.Context, d Due, policy Policy) error {
	tx, err := l.db.BeginTx(ctx, readCommitted())
	if err != nil {
		return err
	}
	defer tx.Rollback(context.WithoutCancel(ctx))
	var number int
	err = tx.QueryRow(ctx, beganSQL, d.Delivery.ID, l.process).Scan(&number)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err //nolint:wrapcheck // it is logged above
	}
	became, err := l.completeRow(ctx, tx, attemptKey{d.Delivery.ID, number}, verdict{
		outcome: OutcomeFailed, class: ClassTemporary, state: Failed, reason: ReasonTemporary, delay: new(policy.Backoff.delay(1)),
		text: "the database did not answer when the attempt was begun; nothing was called",
	}, answer{})
	if err != nil {
		return err
	}
	if !became.late {
		if _, err := tx.Exec(ctx, forgiveSQL, d.Delivery.ID); err != nil {
			return err //nolint:wrapcheck // it is logged above
		}
	}
	return tx.Commit(ctx) //nolint:wrapcheck // it is logged above
}

func decode(body []byte) (*Event, error) {
	message, err := wire.Decode(body)
	if err != nil {
		return nil, fmt.Errorf("decode the event that the ledger keeps: %w", err)
	}
	return &Event{Recorded: message.Recorded, Source: message.Source}, nil
}

// readBack returns an event that the ledger does not keep, opened, and nil for any other.
func (l *Ledger) readBack(ctx context.Context, d Due) (*Event, error) {
	if !d.sealed {
		return nil, nil //nolint:nilnil // see above
	}
	if l.config.Events == nil || l.config.Keys == nil {
		return nil, errors.New("the event is encrypted in its store; tell the ledger where to read it back and how to open it (Config.Events and Config.Keys)")
	}
	event, err := l.config.Events.Read(ctx, Ref{ID: d.EventID, Position: d.position, Sequence: d.sequence})
	if err != nil {
		return nil, fmt.Errorf("read event %s back: %w", d.EventID, err)
	}
	if event.ID == uuid.Nil || event.ID != d.EventID {
		return nil, fmt.Errorf("read event %s back: it is event %s that was returned", d.EventID, event.ID)
	}
	opened := []contrail.Recorded{event.Recorded}
	if err := l.config.Keys.Open(ctx, opened); err != nil {
		return nil, fmt.Errorf("open event %s: %w", d.EventID, err)
	}
	event.Recorded = opened[0]
	if event.Sealed {
		return nil, fmt.Errorf("open event %s: it is still encrypted; see Config.Keys", d.EventID)
	}
	return l.upcast(event, d.Type)
}

// upcast brings an event into today's form: of the parts that it may have been split in, that of the given type.
func (l *Ledger) upcast(event Event, eventType string) (*Event, error) {
	if l.config.Codec == nil {
		return &event, nil
	}
	parts, err := l.config.Codec.Upcast(event.Recorded)
	if err != nil {
		return nil, fmt.Errorf("upcast event %s: %w", event.ID, err)
	}
	for _, part := range parts {
		if part.Type == eventType {
			event.Recorded = part
			return &event, nil
		}
	}
	return nil, contrail.Permanent(fmt.Errorf("upcast event %s: it is not a %s any more", event.ID, eventType))
}

// unread puts off a delivery whose event can't be read, or gives it up.
func (l *Ledger) unread(ctx context.Context, d Due, policy Policy, cause error) (Result, error) {
	made := settlement{reason: ReasonUnread, detail: cause.Error(), delay: policy.Backoff.delay(d.Counted + 1)}
	if contrail.IsPermanent(cause) {
		made.state, made.reason = Cancelled, ReasonUnreadable
	}
	l.logUnread(ctx, d, cause)
	return l.putOff(ctx, d, made)
}

// putOff decides about a delivery when something has failed, which may have used up the time that there was.
func (l *Ledger) putOff(ctx context.Context, d Due, made settlement) (Result, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), margin/2)
	defer cancel()
	return l.decide(ctx, l.db, d, made)
}
