-- Three read models, each with tables of its own, written by its projection alone and built anew from the events whenever somebody asks for it. The
-- projections name the tables without their schema. What stood here before is derived data, too: the new ones read all events once more.

-- +goose Up
DROP TABLE invoicing.statement_lines;
DROP TABLE invoicing.statement_invoices;
DROP TABLE invoicing.invoices;
DROP TABLE invoicing.organisations;
-- +goose StatementBegin
DO $$
BEGIN
  IF to_regclass('contrail.projections') IS NOT NULL THEN
    DELETE FROM contrail.projections WHERE name = 'statement';
  END IF;
END $$;
-- +goose StatementEnd

-- One row an invoice, right in whatever order its events come: the relay may have left one out, and publish it later. Columns that several events
-- write have the version of the one that wrote them last; 0: none has yet.
CREATE TABLE invoicing.summary_invoices (
  id              text        PRIMARY KEY,
  tenant_id       text        NOT NULL,           -- the same in every event
  organisation_id text        NOT NULL,           -- the same in every event
  contact_id      text,                           -- body: drafted, updated
  currency_code   text,                           -- body
  sub_total       numeric,                        -- body
  due_date        date,                           -- body
  body_version    bigint      NOT NULL,
  status          text,                           -- status: all but deleted
  status_version  bigint      NOT NULL,
  issued_at       timestamptz,
  deleted_at      timestamptz                     -- deleted, which is the last event of all
) WITH (fillfactor = 80);                         -- most rows change a few times

-- What the summaries are read from, and nothing else is added up for it. The counters go up and down in the batch that changes the invoices.
CREATE TABLE invoicing.summary_totals (
  tenant_id       text    NOT NULL,
  organisation_id text    NOT NULL,
  currency_code   text    NOT NULL,
  status          text    NOT NULL,
  invoices        bigint  NOT NULL,               -- that are not deleted; 0: there were some
  amount          numeric NOT NULL,               -- exact, and as large as it gets
  PRIMARY KEY (tenant_id, organisation_id, currency_code, status)
) WITH (fillfactor = 50);                         -- few rows, and hot

-- Names for the summaries. `version` is that of the event that the row tells of: an older one changes nothing.
CREATE TABLE invoicing.summary_organisations (
  id         text        PRIMARY KEY,
  tenant_id  text        NOT NULL,
  name       text        NOT NULL,
  deleted_at timestamptz,
  version    bigint      NOT NULL
);                                                -- no index on the name, which may be too long for one: anybody may insert an event

-- What is overdue is a question of the day, so it is a condition on an index and no column.
CREATE TABLE invoicing.overdue_invoices (LIKE invoicing.summary_invoices INCLUDING ALL) WITH (fillfactor = 80);
CREATE INDEX overdue_invoices_tenant_id ON invoicing.overdue_invoices (tenant_id, due_date, id)
  WHERE status = 'issued' AND deleted_at IS NULL;
CREATE INDEX overdue_invoices_organisation_id ON invoicing.overdue_invoices (tenant_id, organisation_id, due_date, id)
  WHERE status = 'issued' AND deleted_at IS NULL;

-- What the statement has to know of an invoice when something moves.
CREATE TABLE invoicing.statement_invoices (LIKE invoicing.summary_invoices INCLUDING ALL) WITH (fillfactor = 80);

-- One line a movement.
CREATE TABLE invoicing.statement_lines (
  position        bigint      PRIMARY KEY,        -- of the event: the global order
  tenant_id       text        NOT NULL,
  organisation_id text        NOT NULL,
  invoice_id      text        NOT NULL,
  movement        text        NOT NULL,           -- issued, paid, voided, deleted
  moved_at        timestamptz NOT NULL,
  currency_code   text,                           -- null: the draft, which tells it, is still to come; the line is not shown
  amount          numeric     NOT NULL,           -- what it adds to what the organisation is owed
  balance         numeric     NOT NULL DEFAULT 0  -- what the organisation is owed after it, in this currency
) WITH (fillfactor = 80);                         -- the balance is written behind the line

-- For reading an organisation's statement, for its newest balance in a currency, and for all movements of an invoice.
CREATE INDEX statement_lines_organisation_id ON invoicing.statement_lines (tenant_id, organisation_id, position);
CREATE INDEX statement_lines_currency_code ON invoicing.statement_lines (tenant_id, organisation_id, currency_code, position);
CREATE INDEX statement_lines_invoice_id ON invoicing.statement_lines (invoice_id);

-- +goose Down
DROP TABLE invoicing.statement_lines;
DROP TABLE invoicing.statement_invoices;
DROP TABLE invoicing.overdue_invoices;
DROP TABLE invoicing.summary_organisations;
DROP TABLE invoicing.summary_totals;
DROP TABLE invoicing.summary_invoices;
-- +goose StatementBegin
DO $$
BEGIN
  IF to_regclass('contrail.projections') IS NOT NULL THEN
    DELETE FROM contrail.projections WHERE name IN ('invoice-summary', 'overdue', 'statement');
  END IF;
END $$;
-- +goose StatementEnd

-- As the first migration left them: empty.
CREATE TABLE invoicing.organisations (
  id text PRIMARY KEY, tenant_id text NOT NULL, name text NOT NULL, deleted boolean NOT NULL DEFAULT false, version bigint NOT NULL
);
CREATE TABLE invoicing.invoices (
  id text PRIMARY KEY, tenant_id text NOT NULL, organisation_id text NOT NULL, contact_id text, currency_code text, sub_total numeric, due_date date,
  body_version bigint NOT NULL DEFAULT 0, status text, status_version bigint NOT NULL DEFAULT 0, deleted_at timestamptz, version bigint NOT NULL
);
CREATE INDEX invoices_tenant_id ON invoicing.invoices (tenant_id, organisation_id);
CREATE TABLE invoicing.statement_invoices (
  id text PRIMARY KEY, currency_code text NOT NULL, sub_total numeric NOT NULL, open numeric NOT NULL DEFAULT 0
);
CREATE TABLE invoicing.statement_lines (
  position bigint PRIMARY KEY, tenant_id text NOT NULL, organisation_id text NOT NULL, invoice_id text NOT NULL, movement text NOT NULL,
  amount numeric NOT NULL, currency_code text NOT NULL, moved_at timestamptz NOT NULL
);
CREATE INDEX statement_lines_organisation_id ON invoicing.statement_lines (tenant_id, organisation_id, position);
