package invoicing

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"

	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/codec"
	"github.com/contrail-events/contrail/domain"
	"github.com/contrail-events/contrail/domain/contact"
	"github.com/contrail-events/contrail/domain/invoice"
	"github.com/contrail-events/contrail/domain/organisation"
	"github.com/contrail-events/contrail/domain/rule"
	"github.com/contrail-events/contrail/subscribers"
)

// categories are those of all events of the service. Each read model reads all of them, whatever it keeps, so that its checkpoint passes each
// position that a command may answer with.
func categories() []string {
	return []string{organisation.Category, contact.Category, invoice.Category}
}

// readModel is what the three have in common. What is in the tables does not depend on the order of the events: one that the relay has left out comes
// later, out of the order of positions.
//
// Left out, with a warning, is what the domain would not have written: anybody may insert an event by hand, and one that makes no sense must not
// stop the read model for all others.
type readModel struct {
	name   string
	logger *slog.Logger // nil: silence
	codec  *codec.Codec
}

// newReadModel fills in what config leaves out. The tables are the read model's own.
func newReadModel(config subscribers.ProjectionConfig, name string, tables ...string) (subscribers.ProjectionConfig, readModel) {
	if config.Name == "" {
		config.Name = name
	}
	if len(config.Filter) == 0 && len(config.Categories) == 0 {
		config.Categories = categories()
	}
	config.Tables = tables
	return config, readModel{config.Name, config.Logger, domain.Codec()}
}

// fact is what an event tells of an invoice, or of an organisation.
type fact struct {
	*contrail.Recorded

	tenant       string
	change       *invoiceChange
	organisation organisation.Event
}

// facts decodes a batch. Events that tell a read model nothing are not among them.
func (m readModel) facts(ctx context.Context, events []contrail.Delivered[json.RawMessage]) []fact {
	facts := make([]fact, 0, len(events))
	for i := range events {
		e := &events[i].Recorded
		payloads, err := m.decode(*e)
		if err != nil {
			m.leaveOut(ctx, e, err)
		}
		for _, payload := range payloads {
			told := fact{Recorded: e, tenant: e.Metadata[contrail.KeyTenantID]}
			switch payload := payload.(type) {
			case invoice.Event:
				told.change = new(changeOf(payload))
			case organisation.Event:
				told.organisation = payload
			}
			facts = append(facts, told)
		}
	}
	return facts
}

func (m readModel) decode(e contrail.Recorded) ([]contrail.Payload, error) {
	if e.Stream.Category() == contact.Category {
		return nil, nil
	}
	if _, err := tenantOf(e); err != nil {
		return nil, err
	}
	return m.codec.Decode(e)
}

// maxTenantLength is the domain's own.
const maxTenantLength = 200

// tenantOf returns whose event it is. One without a tenant is nobody's, and no retry will change that.
func tenantOf(e contrail.Recorded) (string, error) {
	tenant := e.Metadata[contrail.KeyTenantID]
	if err := rule.Check(rule.Text(contrail.KeyTenantID, tenant, maxTenantLength)); err != nil {
		return "", contrail.Permanent(fmt.Errorf("the event's metadata: %w", err))
	}
	return tenant, nil
}

// leaveOut tells of an event that a read model does not follow.
func (m readModel) leaveOut(ctx context.Context, e *contrail.Recorded, because error) {
	if m.logger != nil {
		m.logger.WarnContext(ctx, "an event makes no sense and is left out of the read model", slog.String("projection", m.name),
			slog.String("stream", e.Stream.String()), slog.Int64("version", e.Version), slog.String("type", e.Type),
			slog.Int64("position", int64(e.Position)), slog.Any("error", because))
	}
}

// foldInvoices brings facts into the rows of the invoices, and calls then, which may be nil, after each that made sense.
func (m readModel) foldInvoices(ctx context.Context, rows invoiceRows, facts []fact, then func(*invoiceRow, fact)) {
	for _, f := range facts {
		if f.change == nil {
			continue
		}
		row := rows[f.Stream.ID()]
		if err := row.fold(f, *f.change); err != nil {
			m.leaveOut(ctx, f.Recorded, err)
		} else if then != nil {
			then(row, f)
		}
	}
}

// write has a batch of statements executed, in one round trip.
func (m readModel) write(ctx context.Context, tx pgx.Tx, batch *pgx.Batch) error {
	if batch.Len() == 0 {
		return nil
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("write %s: %w", m.name, err)
	}
	return nil
}
