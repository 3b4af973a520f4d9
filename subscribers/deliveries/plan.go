package deliveries

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail/internal/wire"
)

// Plan plans deliveries of an event, in the caller's transaction: they are there when that is committed, and only then. What is planned already, by
// an earlier delivery of the same event's message, stays what it is, and is no error. Of an event that a codec has split in parts, the ledger keeps the
// part that is planned first.
//
// The rules are asked, through tx. Plan refuses a channel without an adapter, if the ledger has adapters, and an event that is encrypted in its store if it could
// not be read back. An error may mean that tx is of no more use.
func (l *Ledger) Plan(ctx context.Context, tx pgx.Tx, event Event, targets ...Target) error {
	if err := l.plan(ctx, tx, event, targets); err != nil {
		return fmt.Errorf("plan deliveries of event %s for %s: %w", event.ID, l.config.Consumer, err)
	}
	return nil
}

func (l *Ledger) plan(ctx context.Context, tx pgx.Tx, event Event, targets []Target) error {
	if err := l.refuse(event, targets); err != nil {
		return err
	}
	if len(targets) == 0 {
		return nil
	}
	rows := planned{}
	for _, target := range targets {
		if err := l.add(ctx, tx, event, target, &rows); err != nil {
			return err
		}
	}
	var body []byte
	if !event.sealed() {
		body = wire.Append(nil, event.Source, event.Recorded)
	}
	var fresh int
	err := tx.QueryRow(ctx, planSQL, l.config.Consumer, event.ID, event.Position, int64(event.Sequence), event.Stream.String(), event.Type, //nolint:gosec // sequences don't come near
		event.tenant(), body, rows.ids, rows.channels, rows.recipients, rows.lanes, rows.states, rows.reasons, rows.dues, l.process).Scan(&fresh)
	if err != nil {
		return explain(err)
	}
	if fresh > 0 {
		l.Wake()
	}
	return nil
}

// planSQL is explained where the function is made, by migration 00013.
const planSQL = `SELECT contrail.delivery_plan(ROW($1, $2, $3, $4, $5, $6, $7, $8)::contrail.delivery_events, $9, $10, $11, $12, $13, $14, $15, $16)`

// planned are deliveries to be planned, column by column.
type planned struct {
	ids                                          []uuid.UUID
	channels, recipients, lanes, states, reasons []string
	dues                                         []*time.Time // nil: now
}

// add asks the rules about a target, and adds its delivery.
func (l *Ledger) add(ctx context.Context, tx pgx.Tx, event Event, target Target, rows *planned) error {
	id, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("make an id: %w", err)
	}
	now, state, reason := time.Now(), Pending, Reason("")
	verdict, err := l.ask(ctx, RuleContext{Checkpoint: Planning, Now: now, DB: tx, Delivery: Delivery{
		Consumer: l.config.Consumer, Channel: target.Channel, Recipient: target.Recipient, Lane: target.Lane, Tenant: event.tenant(), PlannedAt: now, Round: 1,
		Event: event.Recorded, Source: event.Source,
	}})
	if err != nil {
		return err
	}
	var due *time.Time
	switch {
	case verdict.suppress:
		state, reason = Suppressed, verdict.reason
	case verdict.until.After(now) && !target.NotBefore.After(verdict.until):
		due, reason = &verdict.until, verdict.reason
	case target.NotBefore.After(now):
		due, reason = &target.NotBefore, ReasonNotBefore
	}
	rows.ids, rows.dues = append(rows.ids, id), append(rows.dues, due)
	rows.channels, rows.recipients = append(rows.channels, target.Channel), append(rows.recipients, target.Recipient)
	rows.lanes, rows.states = append(rows.lanes, target.Lane), append(rows.states, string(state))
	rows.reasons = append(rows.reasons, string(reason))
	return nil
}

// refuse reports all that is wrong with a plan.
func (l *Ledger) refuse(event Event, targets []Target) error {
	var faults []error
	if event.ID == uuid.Nil {
		faults = append(faults, errors.New("the event has no id; see deliveries.From"))
	}
	faults = append(faults, prefixed("the event's stream", event.Stream.Validate()))
	if event.sealed() && (l.config.Events == nil || l.config.Keys == nil) {
		faults = append(faults, errors.New("the event is encrypted in its store, so the ledger does not keep it; "+
			"tell it where to read it back and how to open it (Config.Events and Config.Keys)"))
	}
	for i, target := range targets {
		faults = append(faults, prefixed(fmt.Sprintf("target %d", i), target.validate()))
		if target.Lane == "" && len(l.config.Adapters) > 0 && l.config.adapter(target.Channel) == nil {
			faults = append(faults, fmt.Errorf("target %d: there is no adapter for channel %q (Config.Adapters)", i, target.Channel))
		}
	}
	return errors.Join(faults...)
}
