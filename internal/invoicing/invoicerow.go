package invoicing

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/domain/invoice"
)

// invoiceChange is what one event tells of an invoice's row.
type invoiceChange struct {
	organisationID string
	body           *invoice.Body // nil: the event tells nothing of it
	status         invoice.Status
	deletedAt      time.Time
}

// saveInvoiceSQL locks one row. An event writes the groups of columns that it tells of, each unless a newer event has written it already: a group
// that it does not tell of comes with version 0, which is never newer.
const saveInvoiceSQL = `INSERT INTO invoicing.invoices AS i (id, tenant_id, organisation_id, contact_id, currency_code, sub_total, due_date,
	body_version, status, status_version, deleted_at, version)
VALUES ($1, $2, $3, $4, $5, $6::text::numeric, $7::text::date, $8, $9, $10, $11, $12)
ON CONFLICT (id) DO UPDATE SET
	contact_id     = CASE WHEN excluded.body_version > i.body_version THEN excluded.contact_id ELSE i.contact_id END,
	currency_code  = CASE WHEN excluded.body_version > i.body_version THEN excluded.currency_code ELSE i.currency_code END,
	sub_total      = CASE WHEN excluded.body_version > i.body_version THEN excluded.sub_total ELSE i.sub_total END,
	due_date       = CASE WHEN excluded.body_version > i.body_version THEN excluded.due_date ELSE i.due_date END,
	body_version   = greatest(excluded.body_version, i.body_version),
	status         = CASE WHEN excluded.status_version > i.status_version THEN excluded.status ELSE i.status END,
	status_version = greatest(excluded.status_version, i.status_version),
	deleted_at     = coalesce(i.deleted_at, excluded.deleted_at),
	version        = greatest(excluded.version, i.version)`

// saveInvoice brings one event into the invoice's row. A body says which status comes with it, too.
func saveInvoice(ctx context.Context, tx pgx.Tx, e contrail.Recorded, change invoiceChange) error {
	tenant, err := tenantOf(e)
	if err != nil {
		return err
	}
	var contactID, currency, subTotal, due, status *string
	var deletedAt *time.Time
	var bodyVersion, statusVersion int64
	if body := change.body; body != nil {
		change.status, bodyVersion = body.Status, e.Version
		contactID, currency, subTotal, due = &body.ContactID, &body.CurrencyCode, new(body.SubTotal.Amount()), new(body.DueDate.String())
	}
	if change.status != "" {
		status, statusVersion = new(string(change.status)), e.Version
	}
	if !change.deletedAt.IsZero() {
		deletedAt = &change.deletedAt
	}
	_, err = tx.Exec(ctx, saveInvoiceSQL, e.Stream.ID(), tenant, change.organisationID, contactID, currency, subTotal, due,
		bodyVersion, status, statusVersion, deletedAt, e.Version)
	if err != nil {
		return fmt.Errorf("save the row of %s: %w", e.Stream, err)
	}
	return nil
}
