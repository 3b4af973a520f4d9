-- Events that a relay has left out of its stream, and why; and what persons ask of the relays of a stream.

-- +goose Up

-- One row for each event that was left out, or that was published out of its order. Nothing but a person takes an event out of state
-- 'parked'; a row stays, with its reason and its error, until a person purges it. Few rows: a relay writes here only where it fails.
CREATE TABLE contrail.parked (
  relay      text        NOT NULL,                     -- the JetStream stream: contrail.relays.stream
  position   bigint      NOT NULL,                     -- contrail.events.position
  stream     text        NOT NULL,                     -- contrail.events.stream, whose later events may be held
  state      text        NOT NULL,
  reason     text        NOT NULL,                     -- why it is not in its place: message_too_large, invalid_subject, refused, held, missing, lost
  error      text        NOT NULL DEFAULT '',          -- the last delivery error, word for word; kept after success
  attempts   integer     NOT NULL DEFAULT 0,           -- to publish it, before it was parked and since
  note       text        NOT NULL DEFAULT '',          -- what a person said when requeueing or discarding it
  changed_by text        NOT NULL DEFAULT '',          -- the person, or the relay as host:pid
  sequence   bigint,                                   -- in the JetStream stream, out of order; null in state 'published': in its order after all
  parked_at  timestamptz NOT NULL DEFAULT now(),
  changed_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (relay, position),
  CONSTRAINT parked_state CHECK (state IN (
    'parked',      -- refused, and waiting for a person
    'held',        -- behind a parked event of its stream, and waiting for that
    'requeued',    -- a person has asked for it: the relay publishes it next
    'published',   -- by the relay
    'discarded'    -- a person has decided that it shall not be published
  )),
  CONSTRAINT parked_sequence CHECK (sequence IS NULL OR state = 'published')
);

-- What the relay looks for when it is asked to: events to publish, in their order, and streams with a parked event.
CREATE INDEX parked_next ON contrail.parked (relay, position) WHERE state IN ('held', 'requeued');
CREATE INDEX parked_open ON contrail.parked (relay, stream, position) WHERE state IN ('parked', 'held', 'requeued');

ALTER TABLE contrail.relays
  ADD COLUMN requests  bigint      NOT NULL DEFAULT 0, -- grows whenever a person changes contrail.parked: the leader looks there when it has
  ADD COLUMN paused_at timestamptz,                    -- null: the stream is relayed; else no relay publishes to it until somebody resumes it
  ADD COLUMN paused_by text        NOT NULL DEFAULT '',
  ADD COLUMN paused_because text   NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE contrail.relays DROP COLUMN requests, DROP COLUMN paused_at, DROP COLUMN paused_by, DROP COLUMN paused_because;
SELECT contrail.drop_empty('contrail.parked');
