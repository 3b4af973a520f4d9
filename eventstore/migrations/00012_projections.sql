-- Projections that persons pause, and whose read models are rebuilt beside themselves.

-- +goose Up

ALTER TABLE contrail.projections
  ADD COLUMN stream           text   NOT NULL DEFAULT '',   -- the JetStream stream, as the process that was active last has told
  ADD COLUMN subjects         text[] NOT NULL DEFAULT '{}', -- what it reads of it, likewise
  ADD COLUMN paused_at        timestamptz,                  -- null: it is projected; else the handler is not called until somebody resumes it
  ADD COLUMN paused_by        text   NOT NULL DEFAULT '',
  ADD COLUMN paused_because   text   NOT NULL DEFAULT '',
  ADD COLUMN began_position   bigint NOT NULL DEFAULT 0,    -- the position above when the stream was read first, since it is what it is now
  ADD COLUMN began_sequence   bigint NOT NULL DEFAULT 0,    -- the stream's last sequence then: what was repaired by then was missing in its place
  ADD COLUMN rebuilds         bigint NOT NULL DEFAULT 0,    -- times that the read model was replaced: a process that has not noticed projects nothing
  ADD COLUMN rebuilt_position bigint NOT NULL DEFAULT 0;    -- each event up to here is in the read model, but for contrail.projection_gaps

-- Events at or below rebuilt_position that are not in the read model, since the relay had left them out of the stream when it was rebuilt. The
-- row goes with the transaction that projects the event, when it comes through the stream at last; of an event that is discarded it stays.
CREATE TABLE contrail.projection_gaps (
  projection text   NOT NULL REFERENCES contrail.projections ON DELETE CASCADE,
  position   bigint NOT NULL,
  PRIMARY KEY (projection, position)
);

-- The last time that somebody asked for a read model to be built anew from the event store, and how far that is.
CREATE TABLE contrail.rebuilds (
  projection   text        PRIMARY KEY REFERENCES contrail.projections ON DELETE CASCADE,
  id           uuid        NOT NULL DEFAULT gen_random_uuid(), -- of the request: one that begins anew has another
  state        text        NOT NULL DEFAULT 'requested',
  requested_by text        NOT NULL DEFAULT '',
  because      text        NOT NULL DEFAULT '',
  requested_at timestamptz NOT NULL DEFAULT now(),
  started_at   timestamptz,                                    -- null: no process has begun
  updated_at   timestamptz NOT NULL DEFAULT now(),
  finished_at  timestamptz,                                    -- null: it is not over
  position     bigint      NOT NULL DEFAULT 0,                 -- the shadow tables have come so far; written in the transaction that fills them
  target       bigint      NOT NULL DEFAULT 0,                 -- how far the projection was when that was read last
  events       bigint      NOT NULL DEFAULT 0,                 -- that the handler was given
  error        text        NOT NULL DEFAULT '',                -- why it failed, or what it is tried again for
  CONSTRAINT rebuilds_state CHECK (state IN (
    'requested',   -- and no process has begun
    'running',     -- the shadow tables are there
    'done',        -- the read model is replaced
    'failed',      -- for good, and the read model is what it was
    'cancelled'    -- likewise, because a person has decided so
  ))
) WITH (fillfactor = 50);                                      -- a hot row while it runs: leave room for updates in place

-- +goose Down
SELECT contrail.drop_empty('contrail.rebuilds');
SELECT contrail.drop_empty('contrail.projection_gaps');
ALTER TABLE contrail.projections DROP COLUMN stream, DROP COLUMN subjects, DROP COLUMN paused_at, DROP COLUMN paused_by, DROP COLUMN paused_because,
  DROP COLUMN began_position, DROP COLUMN began_sequence, DROP COLUMN rebuilds, DROP COLUMN rebuilt_position;
