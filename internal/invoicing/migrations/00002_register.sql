-- The service's own rows, beside the events of package domain. They are written in the transaction that appends.

-- +goose Up
-- One row an aggregate. The streams decide: a row says nothing that they don't, and invoicing.fill_register() makes them all anew.
-- A command holds the rows of what it refers to FOR KEY SHARE, and one that deletes takes its row FOR UPDATE; a change of status or
-- version takes it FOR NO KEY UPDATE and passes those who hold it, so no column of a unique index is ever changed.
CREATE TABLE invoicing.register (
  tenant_id       text   NOT NULL,
  kind            text   NOT NULL,               -- the category of the stream: organisation, contact, invoice. The collation is that of
  id              text   NOT NULL,               -- contrail.events.stream, or no index on it could be walked for kind || '-' || id
  organisation_id text   NOT NULL DEFAULT '',    -- of a contact and of an invoice
  contact_id      text   NOT NULL DEFAULT '',    -- of an invoice
  reference       text   NOT NULL DEFAULT '',    -- the client's own name for it, also when it is deleted; '': none
  status          text   NOT NULL,               -- live, deleted; of an invoice drafted, issued, paid, voided, deleted
  version         bigint NOT NULL,               -- of the stream that the row is made of
  PRIMARY KEY (tenant_id, kind, id)              -- also what lists walk
) WITH (fillfactor = 85);                        -- status and version change: leave room for updates in place

CREATE UNIQUE INDEX register_reference ON invoicing.register (tenant_id, kind, reference) WHERE reference <> '';
-- For the lists of one organisation and of one contact.
CREATE INDEX register_organisation_id ON invoicing.register (tenant_id, kind, organisation_id, id) WHERE organisation_id <> '';
CREATE INDEX register_contact_id ON invoicing.register (tenant_id, contact_id, id) WHERE contact_id <> '';

-- What commands with an idempotency key led to. The events are read back from their stream.
CREATE TABLE invoicing.answers (
  tenant_id     text        NOT NULL,
  key           text        NOT NULL,
  fingerprint   bytea       NOT NULL,          -- SHA-256 of the command and its arguments
  stream        text        NOT NULL,
  first_version bigint      NOT NULL,
  last_version  bigint      NOT NULL,
  created_at    timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, key)
);
CREATE INDEX answers_created_at ON invoicing.answers (created_at); -- for pruning

-- Writes the rows that are missing, and those whose stream is ahead of them, and returns how many. It reads all events of the three
-- categories and locks only what it writes. Of two aggregates with one reference, which no service makes, the first keeps it; one that no service
-- would take is none.
-- +goose StatementBegin
CREATE FUNCTION invoicing.fill_register() RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
  written bigint;
BEGIN
  WITH streams AS (
    SELECT split_part(e.stream, '-', 1) AS kind, substr(e.stream, strpos(e.stream, '-') + 1) AS id, min(e.position) AS position,
           (array_agg(e.metadata->>'tenant_id' ORDER BY e.version))[1] AS tenant_id,
           coalesce(max(e.metadata->>'organisationid'), (array_agg(e.data#>>'{invoice,organisation_id}' ORDER BY e.version))[1], '') AS organisation_id,
           coalesce((array_agg(e.data#>>'{invoice,contact_id}' ORDER BY e.version DESC)
             FILTER (WHERE e.type IN ('InvoiceDrafted', 'InvoiceUpdated')))[1], '') AS contact_id,
           coalesce((array_agg(e.metadata->>'reference' ORDER BY e.version))[1], '') AS reference,
           CASE WHEN bool_or(e.type IN ('OrganisationDeleted', 'ContactDeleted', 'InvoiceDeleted')) THEN 'deleted'
                WHEN bool_or(split_part(e.stream, '-', 1) = 'invoice') THEN
                  (array_agg(e.data#>>'{invoice,status}' ORDER BY e.version DESC) FILTER (WHERE e.type <> 'InvoiceDeleted'))[1]
                ELSE 'live' END AS status,
           max(e.version) AS version
    FROM contrail.events e
    WHERE split_part(e.stream, '-', 1) IN ('organisation', 'contact', 'invoice')
      AND e.stream ~ '^[a-z]+-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$'
    GROUP BY e.stream
  ), named AS (
    SELECT s.*, row_number() OVER (PARTITION BY s.tenant_id, s.kind, s.reference ORDER BY s.position) = 1 AND NOT EXISTS (
             SELECT FROM invoicing.register r
             WHERE r.tenant_id = s.tenant_id AND r.kind = s.kind AND r.reference = s.reference AND r.reference <> '' AND r.id <> s.id
           ) AS first
    FROM streams s WHERE s.tenant_id <> '' AND s.status <> ''
      AND greatest(length(s.tenant_id), length(s.organisation_id), length(s.contact_id)) <= 200 -- no service takes more, and no index holds any length
  )
  INSERT INTO invoicing.register AS r (tenant_id, kind, id, organisation_id, contact_id, reference, status, version)
  SELECT n.tenant_id, n.kind, n.id, n.organisation_id, n.contact_id, 
    CASE WHEN n.first AND length(n.reference) <= 200 THEN n.reference ELSE '' END, n.status, n.version
  FROM named n
  WHERE NOT EXISTS (                             -- an upsert locks what it leaves as it is, too
    SELECT FROM invoicing.register r WHERE r.tenant_id = n.tenant_id AND r.kind = n.kind AND r.id = n.id AND r.version >= n.version
  )
  ORDER BY n.tenant_id, n.kind, n.id
  ON CONFLICT (tenant_id, kind, id) DO UPDATE SET contact_id = excluded.contact_id, status = excluded.status, version = excluded.version
  WHERE r.version < excluded.version;
  GET DIAGNOSTICS written = ROW_COUNT;
  RETURN written;
END $$;

DO $$
BEGIN
  IF to_regclass('contrail.events') IS NOT NULL THEN
    PERFORM invoicing.fill_register();
  END IF;
END $$;
-- +goose StatementEnd

-- +goose Down
DROP FUNCTION invoicing.fill_register();
DROP TABLE invoicing.answers;
DROP TABLE invoicing.register;
