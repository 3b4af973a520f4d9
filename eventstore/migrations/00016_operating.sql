-- What operators have done, and how long the relays' events take.

-- +goose Up

-- One row for each action of a person, by the dashboard: written before it is done and completed after it. A row without an end is of an action whose
-- process has died.
CREATE TABLE contrail.audit (
  id       bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  began_at timestamptz NOT NULL DEFAULT now(),
  ended_at timestamptz,
  who      text        NOT NULL,                -- the user's name; "local" where the dashboard asks for none
  role     text        NOT NULL,                -- operator or viewer
  address  text        NOT NULL DEFAULT '',     -- that it was asked from
  action   text        NOT NULL,                -- as in relay.pause
  target   text        NOT NULL,                -- as in "relay host:123"
  reason   text        NOT NULL DEFAULT '',     -- in the person's words
  form     jsonb       NOT NULL DEFAULT '{}',   -- what was asked, field by field; no secrets
  outcome  text        NOT NULL DEFAULT 'begun', -- begun, done, partial, failed or refused
  results  jsonb       NOT NULL DEFAULT '[]',   -- one object for each thing that it was done to
  error    text        NOT NULL DEFAULT ''
);
CREATE INDEX audit_who    ON contrail.audit (who, id);
CREATE INDEX audit_action ON contrail.audit (action, id);

-- Seconds from appended to acknowledged, of the events that were published between the relay's last two beats in which there were any.
ALTER TABLE contrail.relay_processes
  ADD COLUMN latency_p50 double precision NOT NULL DEFAULT 0,
  ADD COLUMN latency_p90 double precision NOT NULL DEFAULT 0,
  ADD COLUMN latency_p99 double precision NOT NULL DEFAULT 0,
  ADD COLUMN latency_max double precision NOT NULL DEFAULT 0;

-- +goose Down
SELECT contrail.drop_empty('contrail.audit');
ALTER TABLE contrail.relay_processes
  DROP COLUMN latency_p50, DROP COLUMN latency_p90, DROP COLUMN latency_p99, DROP COLUMN latency_max;
