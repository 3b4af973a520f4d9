-- Handlers of several steps with recovery points.

-- +goose Up

CREATE TABLE contrail.runs (
  id           uuid        PRIMARY KEY,
  key          text        NOT NULL CONSTRAINT runs_key UNIQUE,  -- what it is about, as in reminders/invoice-42
  workflow     text        NOT NULL DEFAULT '',                  -- the name by which a worker knows the steps; '': whoever began it goes on with it
  tenant       text        NOT NULL DEFAULT '',
  args         jsonb       NOT NULL,                             -- whoever comes with others is refused
  definition   text[]      NOT NULL,                             -- the names of the steps; whoever comes with others is refused
  metadata     jsonb       NOT NULL DEFAULT '{}',                -- for the events that its steps append: correlation, causation, tenant …
  state        text        NOT NULL DEFAULT 'ready',
  step         integer     NOT NULL DEFAULT 0,                   -- the recovery point: this step is next, counted from 0; while compensating, the one behind the next
  round        bigint      NOT NULL DEFAULT 0,                   -- times that this step was repeated; of a list: how many of its elements are done
  list         jsonb,                                            -- the elements that this step goes through
  failures     integer     NOT NULL DEFAULT 0,                   -- of this step, one after another
  error        text        NOT NULL DEFAULT '',                  -- the last one
  reason       text        NOT NULL DEFAULT '',                  -- why it is halted or cancelled
  result       jsonb,                                            -- of a finished run
  due_at       timestamptz DEFAULT now(),                        -- when it may go on; null: it has ended, or is halted
  awaits       text[]      NOT NULL DEFAULT '{}',                -- keys of runs that must have ended before
  locked_by    text        NOT NULL DEFAULT '',
  locked_until timestamptz,                                      -- null: nobody performs it; passed: who did is taken for dead
  token        bigint      NOT NULL DEFAULT 0,                   -- grows with each lock: who has an older one commits nothing
  began_at     timestamptz NOT NULL DEFAULT now(),
  changed_at   timestamptz NOT NULL DEFAULT now(),
  ended_at     timestamptz,
  CONSTRAINT runs_state CHECK (state IN (
    'ready',         -- goes on as soon as it is due
    'waiting',       -- likewise; a step has asked for the delay
    'compensating',  -- a step has failed for good, and those before it are undone, the last one first
    'halted',        -- a step has decided that a person must look
    'finished',      -- and ended, as are those below
    'failed',        -- a step has failed for good, and what could be undone is
    'cancelled'      -- somebody has decided so, and what could be undone is
  )),
  CONSTRAINT runs_ended CHECK ((ended_at IS NULL) = (state IN ('ready', 'waiting', 'compensating', 'halted')))
) WITH (fillfactor = 70);
CREATE INDEX runs_due    ON contrail.runs (workflow, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX runs_awaits ON contrail.runs USING gin (awaits) WHERE awaits <> '{}' AND ended_at IS NULL;
CREATE INDEX runs_list   ON contrail.runs (state, began_at, id);
CREATE INDEX runs_ended  ON contrail.runs (ended_at) WHERE ended_at IS NOT NULL;

-- What steps keep for later ones.
CREATE TABLE contrail.run_values (
  run   uuid  NOT NULL REFERENCES contrail.runs ON DELETE CASCADE,
  key   text  NOT NULL,
  value jsonb NOT NULL,
  PRIMARY KEY (run, key)
);

-- What has become of the steps, in its order; append-only.
CREATE TABLE contrail.run_log (
  run     uuid        NOT NULL REFERENCES contrail.runs ON DELETE CASCADE,
  number  bigint      GENERATED ALWAYS AS IDENTITY,
  at      timestamptz NOT NULL DEFAULT clock_timestamp(),
  step    text        NOT NULL,                                  -- its name; '': the run itself
  what    text        NOT NULL,                                  -- started, succeeded, errored, repeated, waiting, halted, compensated, retried, cancelled …
  by_whom text        NOT NULL DEFAULT '',                       -- the process or the person
  detail  text        NOT NULL DEFAULT '',                       -- the error, the reason, the time
  PRIMARY KEY (run, number)
);
CREATE UNIQUE INDEX run_log_once ON contrail.run_log (run, step) WHERE what = 'succeeded'; -- a step that has succeeded never does again

-- +goose Down
SELECT contrail.drop_empty('contrail.run_log');
SELECT contrail.drop_empty('contrail.run_values');
SELECT contrail.drop_empty('contrail.runs');
