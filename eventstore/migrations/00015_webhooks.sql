-- HTTP endpoints that events are posted to, and the processes that do it.

-- +goose Up

CREATE TABLE contrail.webhooks (
  id              uuid        PRIMARY KEY,                       -- a UUIDv7; as text the recipient, and the lane, of its deliveries
  consumer        text        NOT NULL,                          -- the durable that posts to it
  tenant          text        NOT NULL DEFAULT '',               -- not empty: events of this tenant alone
  url             text        NOT NULL,
  description     text        NOT NULL DEFAULT '',
  categories      text[]      NOT NULL DEFAULT '{}',             -- of streams; empty: all
  types           text[]      NOT NULL DEFAULT '{}',             -- of events; empty: all
  secret          text        NOT NULL,                          -- whsec_…, in base64: requests are signed with it
  former_secret   text        NOT NULL DEFAULT '',               -- and with this one,
  former_until    timestamptz,                                   -- until then
  secret_hint     text        NOT NULL GENERATED ALWAYS AS ('whsec_…' || right(secret, 4)) STORED, -- for those who may not read it
  concurrency     integer     NOT NULL DEFAULT 1,                -- requests at a time; those of one stream are always in order
  timeout         interval    NOT NULL,                          -- of a request
  max_attempts    integer     NOT NULL,
  private         boolean     NOT NULL DEFAULT false,            -- it may be in a private network
  state           text        NOT NULL DEFAULT 'enabled',
  reason          text        NOT NULL DEFAULT '',               -- why it is disabled
  disabled_at     timestamptz,
  failures        integer     NOT NULL DEFAULT 0,                -- one after another; zero: the last request succeeded
  failing_since   timestamptz,
  opened_at       timestamptz,                                   -- the circuit is open: no request but probes
  probe_at        timestamptz,                                   -- when the next of them is due
  last_error      text        NOT NULL DEFAULT '',
  last_success_at timestamptz,
  held_by         text        NOT NULL DEFAULT '',               -- the process that posts to it now
  held_until      timestamptz,
  token           bigint      NOT NULL DEFAULT 0,                -- grows each time that a process takes it
  created_at      timestamptz NOT NULL DEFAULT now(),
  created_by      text        NOT NULL DEFAULT '',
  changed_at      timestamptz NOT NULL DEFAULT clock_timestamp(), -- by a person, or disabled: the process that holds it reads it anew
  changed_by      text        NOT NULL DEFAULT '',
  CONSTRAINT webhooks_state CHECK (state IN ('enabled', 'disabled')),
  CONSTRAINT webhooks_disabled CHECK ((state = 'disabled') = (disabled_at IS NOT NULL)),
  CONSTRAINT webhooks_bounds CHECK (concurrency > 0 AND max_attempts > 0 AND timeout > interval '0')
) WITH (fillfactor = 70);
CREATE INDEX webhooks_consumer ON contrail.webhooks (consumer, tenant);

-- The processes that post: they divide the endpoints of their consumer evenly among those that have given a sign of life.
CREATE TABLE contrail.webhook_senders (
  consumer text        NOT NULL,
  process  text        NOT NULL,
  until    timestamptz NOT NULL,                                 -- it is taken for dead then
  PRIMARY KEY (consumer, process)
);

-- +goose Down
DROP TABLE contrail.webhook_senders; -- of processes that have ended
SELECT contrail.drop_empty('contrail.webhooks');
