package invoicing

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/codec"
	"github.com/contrail-events/contrail/domain/invoice"
	"github.com/contrail-events/contrail/subscribers"
)

// StatementName is the usual name of the statement's projection, and of its checkpoint.
const StatementName = "statement"

// NewStatementProjection returns the projection that keeps the organisations' statements in the pool's database. Name and Categories are filled in
// where config leaves them out, and Tables always; errors are those of [subscribers.NewProjection].
func NewStatementProjection(
	js jetstream.JetStream, pool *pgxpool.Pool, config subscribers.ProjectionConfig,
) (*subscribers.Projection, error) {
	if config.Name == "" {
		config.Name = StatementName
	}
	if len(config.Filter) == 0 && len(config.Categories) == 0 {
		config.Categories = []string{invoice.Category}
	}
	config.Tables = []string{"invoicing.statement_invoices", "invoicing.statement_lines"}
	return subscribers.NewProjection(js, pool, config, statement{logger: config.Logger, codec: codec.MustNew(invoice.Events()...)}.project)
}

// statement leaves out, with a warning, what the domain would not have written: anybody may insert an event by hand, and one that makes no
// sense of an invoice must not stop the statements of all the others.
type statement struct {
	logger *slog.Logger // nil: silence
	codec  *codec.Codec
}

func (s statement) project(ctx context.Context, tx pgx.Tx, events []contrail.Delivered[json.RawMessage]) error {
	for _, e := range events {
		err := s.projectOne(ctx, tx, e.Recorded)
		switch {
		case err == nil:
		case !contrail.IsPermanent(err):
			return fmt.Errorf("%s at position %d: %w", e.Type, e.Position, err)
		case s.logger != nil:
			s.logger.WarnContext(ctx, "an event is left out of the statement", slog.String("type", e.Type),
				slog.Int64("position", int64(e.Position)), slog.Any("error", err))
		}
	}
	return nil
}

// projectOne decodes an event and projects what it was. A permanent error means that nothing was written.
func (s statement) projectOne(ctx context.Context, tx pgx.Tx, e contrail.Recorded) error {
	events, err := codec.DecodeAs[invoice.Event](s.codec, e)
	if err != nil {
		return contrail.Permanent(err)
	}
	for _, event := range events {
		if err := projectInvoice(ctx, tx, e, event); err != nil {
			return err
		}
	}
	return nil
}

// projectInvoice turns one event into what it does to the statement.
func projectInvoice(ctx context.Context, tx pgx.Tx, e contrail.Recorded, event invoice.Event) error {
	switch event := event.(type) {
	case invoice.Drafted:
		return keepSubTotal(ctx, tx, e.Stream.ID(), event.Invoice)
	case invoice.Updated:
		return keepSubTotal(ctx, tx, e.Stream.ID(), event.Invoice)
	case invoice.Issued:
		return move(ctx, tx, e, movement{event.Invoice.OrganisationID, "issued", event.Invoice.IssuedAt})
	case invoice.Paid:
		return move(ctx, tx, e, movement{event.Invoice.OrganisationID, "paid", event.Invoice.PaidAt})
	case invoice.Voided:
		return move(ctx, tx, e, movement{event.Invoice.OrganisationID, "voided", e.RecordedAt})
	case invoice.Deleted:
		return move(ctx, tx, e, movement{event.Invoice.OrganisationID, "deleted", event.Invoice.DeletedAt})
	}
	return nil
}

// keepSubTotalSQL locks one row. What is open stays as it is: only a draft, for which nothing is owed yet, can be updated. The tables are named
// without their schema: those that are built anew stand in another.
const keepSubTotalSQL = `INSERT INTO statement_invoices (id, currency_code, sub_total) VALUES ($1, $2, $3::text::numeric)
ON CONFLICT (id) DO UPDATE SET currency_code = excluded.currency_code, sub_total = excluded.sub_total`

func keepSubTotal(ctx context.Context, tx pgx.Tx, id string, body invoice.Body) error {
	if _, err := tx.Exec(ctx, keepSubTotalSQL, id, body.CurrencyCode, body.SubTotal.Amount()); err != nil {
		return fmt.Errorf("keep the sub-total: %w", err)
	}
	return nil
}

// movement is what changes what an organisation is owed.
type movement struct {
	organisationID string
	name           string
	at             time.Time
}

// moveSQL locks one row. Once issued, the whole sub-total is open; whatever comes after that closes what is open.
const moveSQL = `WITH before AS (
	SELECT id, currency_code, open, CASE WHEN $5 = 'issued' THEN sub_total ELSE 0 END AS target
	FROM statement_invoices WHERE id = $4 FOR UPDATE
), moved AS (
	UPDATE statement_invoices s SET open = before.target FROM before WHERE s.id = before.id
)
INSERT INTO statement_lines (position, tenant_id, organisation_id, invoice_id, movement, amount, currency_code, moved_at)
SELECT $1, $2, $3, before.id, $5, before.target - before.open, before.currency_code, $6 FROM before`

func move(ctx context.Context, tx pgx.Tx, e contrail.Recorded, by movement) error {
	tenant, err := tenantOf(e)
	if err != nil {
		return err
	}
	tag, err := tx.Exec(ctx, moveSQL, e.Position, tenant, by.organisationID, e.Stream.ID(), by.name, by.at)
	switch {
	case err != nil:
		return fmt.Errorf("write a line of the statement: %w", err)
	case tag.RowsAffected() == 0:
		return contrail.Permanent(fmt.Errorf("%s was never drafted", e.Stream))
	}
	return nil
}
