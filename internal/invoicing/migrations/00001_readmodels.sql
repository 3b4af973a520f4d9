-- The read models of the worked example. Whoever handles events writes here, and nobody else; all of it can be built anew from the events.

-- +goose Up
CREATE SCHEMA IF NOT EXISTS invoicing;

-- Names for the summaries. `version` is that of the event that the row tells of: an older one changes nothing.
CREATE TABLE invoicing.organisations (
  id         text    PRIMARY KEY,
  tenant_id  text    NOT NULL,
  name       text    NOT NULL,
  deleted    boolean NOT NULL DEFAULT false,
  version    bigint  NOT NULL
);

-- One row an invoice, right in whatever order its events were handled. Columns that one event writes together make a group, and each group
-- has the version of the event that wrote it last; 0: none has yet.
CREATE TABLE invoicing.invoices (
  id              text        PRIMARY KEY,
  tenant_id       text        NOT NULL,           -- the same in every event
  organisation_id text        NOT NULL,           -- the same in every event
  contact_id      text,                           -- body: drafted, updated
  currency_code   text,                           -- body
  sub_total       numeric,                        -- body
  due_date        date,                           -- body
  body_version    bigint      NOT NULL DEFAULT 0,
  status          text,                           -- status: all but deleted
  status_version  bigint      NOT NULL DEFAULT 0,
  deleted_at      timestamptz,                    -- deleted, which is the last event of all
  version         bigint      NOT NULL            -- the newest event that was handled
);

-- For the summary of one tenant.
CREATE INDEX invoices_tenant_id ON invoicing.invoices (tenant_id, organisation_id);

-- What the statement has to know of an invoice when something moves. Written in global order only, so it needs no versions.
CREATE TABLE invoicing.statement_invoices (
  id              text    PRIMARY KEY,
  currency_code   text    NOT NULL,
  sub_total       numeric NOT NULL,
  open            numeric NOT NULL DEFAULT 0      -- what the organisation is owed for it
);

-- One line a movement. The amount is what it adds to what the organisation is owed.
CREATE TABLE invoicing.statement_lines (
  position        bigint      PRIMARY KEY,        -- of the event: the global order
  tenant_id       text        NOT NULL,
  organisation_id text        NOT NULL,
  invoice_id      text        NOT NULL,
  movement        text        NOT NULL,           -- issued, paid, voided, deleted
  amount          numeric     NOT NULL,
  currency_code   text        NOT NULL,
  moved_at        timestamptz NOT NULL
);
CREATE INDEX statement_lines_organisation_id ON invoicing.statement_lines (tenant_id, organisation_id, position);

-- +goose Down
DROP TABLE invoicing.statement_lines;
DROP TABLE invoicing.statement_invoices;
DROP TABLE invoicing.invoices;
DROP TABLE invoicing.organisations;
