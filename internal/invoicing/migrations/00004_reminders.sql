-- What the runs of the workflow invoice-reminders have done about an invoice. It is written by their steps, and can't be built anew from the events.

-- +goose Up

-- A row comes with the first reminder, and stays when the invoice is paid.
CREATE TABLE invoicing.reminders (
  invoice_id text        PRIMARY KEY,
  tenant_id  text        NOT NULL,
  first_at   timestamptz,             -- when the mail was planned; what became of it is in contrail.deliveries
  second_at  timestamptz,             -- likewise
  marked_at  timestamptz              -- when neither had helped: a person must see to it
);

-- +goose Down
DROP TABLE invoicing.reminders;
