-- HTTP endpoints that events are posted to.

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
  concurrency     integer     NOT NULL DEFAULT 1,                -- requests at a time; those of one stream are always in order
  timeout         interval    NOT NULL,                          -- of a request
  max_attempts    integer     NOT NULL,
  private         boolean     NOT NULL DEFAULT false,            -- it may be in a private network
  state           text        NOT NULL DEFAULT 'enabled',
  reason          text        NOT NULL DEFAULT '',               -- why it is disabled
  failures        integer     NOT NULL DEFAULT 0,                -- one after another; zero: the last request succeeded
  failing_since   timestamptz,
  opened_at       timestamptz,                                   -- the circuit is open: no request but probes
  probe_at        timestamptz,                                   -- when the next of them is due
  last_error      text        NOT NULL DEFAULT '',
  last_success_at timestamptz,
  held_by         text        NOT NULL DEFAULT '',               -- the process that posts to it now
  held_until      timestamptz,
  token           bigint      NOT NULL DEFAULT 0,                -- grows each time that another process takes it
  created_at      timestamptz NOT NULL DEFAULT now(),
  created_by      text        NOT NULL DEFAULT '',
  changed_at      timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT webhooks_state CHECK (state IN ('enabled', 'disabled'))
) WITH (fillfactor = 70);
CREATE INDEX webhooks_consumer ON contrail.webhooks (consumer, tenant);

-- +goose Down
SELECT contrail.drop_empty('contrail.webhooks');
