-- States of aggregates, kept to spare reading their events again. Never a source of truth: every row may be deleted at any time.

-- +goose Up
CREATE TABLE contrail.snapshots (
  stream   text        NOT NULL,
  name     text        NOT NULL,                       -- of the state: several may be folded from one stream
  schema   bigint      NOT NULL,                       -- version of the state's form; another one is ignored and replaced
  version  bigint      NOT NULL CHECK (version > 0),   -- of the last event that is in the state
  event_id uuid        NOT NULL,                       -- that event: a row that outlived its history, after a restore, is ignored
  state    json        NOT NULL,                       -- json, not jsonb: it is kept as it was written, and nobody asks into it
  key_ids  text[]      NOT NULL DEFAULT '{}',          -- keys of the encrypted events in it: it goes when one of them is deleted
  taken_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (stream, name)
);
CREATE INDEX snapshots_key_ids_idx ON contrail.snapshots USING gin (key_ids);

-- +goose Down
DROP TABLE contrail.snapshots;
