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
  ends_as      text        NOT NULL DEFAULT '',                  -- failed or cancelled: what it will have come to when its steps are undone; empty: it goes forward
  step         integer     NOT NULL DEFAULT 0,                   -- the recovery point: this step is next, counted from 0; while compensating, the one before is undone next
  round        bigint      NOT NULL DEFAULT 0,                   -- times that this step was repeated; of a list: how many of its elements are done
  list         jsonb,                                            -- the elements that this step goes through
  failures     integer     NOT NULL DEFAULT 0,                   -- of this step, one after another
  retrying     boolean     NOT NULL DEFAULT false,               -- this step was begun before, in this round
  error        text        NOT NULL DEFAULT '',                  -- the last one
  reason       text        NOT NULL DEFAULT '',                  -- why it is halted, failed or cancelled
  result       jsonb,                                            -- what a step has returned
  due_at       timestamptz DEFAULT now(),                        -- when it may go on; null: it has ended, or is halted
  awaits       text[]      NOT NULL DEFAULT '{}',                -- keys of runs that must have ended before; who deletes runs leaves those
  locked_by    text        NOT NULL DEFAULT '',
  locked_until timestamptz,                                      -- null: nobody performs it; passed, and not renewed in run_leases: who did is taken for dead
  token        bigint      NOT NULL DEFAULT 0,                   -- grows with each lock, and when it is cancelled: who has an older one commits nothing
  began_at     timestamptz NOT NULL DEFAULT now(),
  changed_at   timestamptz NOT NULL DEFAULT now(),
  ended_at     timestamptz,
  CONSTRAINT runs_state CHECK (state IN (
    'ready',         -- goes on as soon as it is due
    'waiting',       -- likewise; a step has asked for the delay
    'cancelling',    -- likewise; somebody has cancelled it, and it is to be found out what must be undone. retrying tells that somebody was performing the step
    'compensating',  -- a step has failed for good, or the run was cancelled: its steps are undone, the last one first
    'halted',        -- a person must look: a step has decided so, or what undoes one has failed for good
    'finished',      -- and ended, as are those below
    'failed',        -- a step has failed for good, and what could be undone is
    'cancelled'      -- somebody has decided so, and what could be undone is
  )),
  CONSTRAINT runs_ends_as CHECK (ends_as IN ('', 'failed', 'cancelled') AND (ends_as = '' OR state NOT IN ('ready', 'finished'))
    AND (ends_as <> '' OR state NOT IN ('cancelling', 'compensating', 'failed', 'cancelled'))),
  CONSTRAINT runs_due_at CHECK ((due_at IS NULL) = (state IN ('halted', 'finished', 'failed', 'cancelled'))),
  CONSTRAINT runs_ended_at CHECK ((ended_at IS NOT NULL) = (state IN ('finished', 'failed', 'cancelled')))
) WITH (fillfactor = 70);
CREATE INDEX runs_due    ON contrail.runs (workflow, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX runs_awaits ON contrail.runs USING gin (awaits) WITH (fastupdate = off) WHERE awaits <> '{}' AND ended_at IS NULL;
CREATE INDEX runs_list   ON contrail.runs (state, began_at, id);
CREATE INDEX runs_ended  ON contrail.runs (ended_at) WHERE ended_at IS NOT NULL;

-- Locks that were renewed. They stand apart: a step's transaction above READ COMMITTED could not write a row that has changed since it began.
CREATE TABLE contrail.run_leases (
  run   uuid        PRIMARY KEY REFERENCES contrail.runs ON DELETE CASCADE,
  token bigint      NOT NULL,                                    -- of the lock; if it is not the run's, the row means nothing
  until timestamptz NOT NULL
);

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
  what    text        NOT NULL,                                  -- succeeded, errored, repeated, waiting, halted, listed, element, failed, undone, undoing, taken over, retried, cancelled …
  by_whom text        NOT NULL DEFAULT '',                       -- the process or the person
  detail  text        NOT NULL DEFAULT '',                       -- the error, the reason, the time
  PRIMARY KEY (run, number)
);
CREATE UNIQUE INDEX run_log_once ON contrail.run_log (run, step) WHERE what = 'succeeded'; -- a step that has succeeded never does again

-- Moves a run to where a step's transaction has brought it, in that transaction and just before its commit: it locks the run's row, by its primary key, and
-- refuses whoever does not hold the lock any more, or is not at that step and round. It returns the result of a run that is finished.
-- The list and the round are the step's: when the step is another one, or is undone from now on, the list is forgotten.
-- Of a run that ends, those that wait for it are due; one that somebody has locked at the moment will look by itself.
-- +goose StatementBegin
CREATE FUNCTION contrail.run_move(
  run uuid, lock_token bigint, from_step integer, from_round bigint,
  to_state text, to_ends_as text, to_step integer, to_round bigint, to_reason text, to_error text, to_list jsonb, to_awaits text[],
  until timestamptz, delay interval, returned jsonb, "values" jsonb, log_step text, log_what text, log_by text, log_detail text
) RETURNS text
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  over   boolean := to_state IN ('finished', 'failed', 'cancelled');
  free   boolean := over OR to_state IN ('waiting', 'halted');
  moved  contrail.runs;
BEGIN
  UPDATE contrail.runs AS r SET
    state = to_state, ends_as = to_ends_as, step = to_step, round = to_round, reason = to_reason, awaits = to_awaits,
    list = CASE WHEN to_step = from_step AND to_ends_as = '' THEN coalesce(to_list, r.list) END,
    result = CASE WHEN to_ends_as = '' THEN coalesce(returned, r.result) END,
    failures = 0, retrying = false, error = to_error,
    due_at = CASE WHEN to_state = 'waiting' THEN coalesce(until, now() + delay) WHEN NOT free THEN r.due_at END,
    locked_by = CASE WHEN free THEN '' ELSE r.locked_by END, locked_until = CASE WHEN NOT free THEN r.locked_until END,
    changed_at = clock_timestamp(), ended_at = CASE WHEN over THEN clock_timestamp() END
    WHERE r.id = run AND r.token = lock_token AND r.step = from_step AND r.round = from_round AND r.locked_until IS NOT NULL RETURNING * INTO moved;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'run % is not performed by the holder of lock % at step % any more', run, lock_token, from_step
      USING ERRCODE = 'object_not_in_prerequisite_state', CONSTRAINT = 'runs_token';
  END IF;
  IF "values" IS NOT NULL THEN
    INSERT INTO contrail.run_values AS v (run, key, value) SELECT moved.id, e.key, e.value FROM jsonb_each("values") AS e
      ON CONFLICT ON CONSTRAINT run_values_pkey DO UPDATE SET value = EXCLUDED.value;
  END IF;
  INSERT INTO contrail.run_log (run, step, what, by_whom, detail) VALUES (moved.id, log_step, log_what, log_by, log_detail);
  IF over THEN
    UPDATE contrail.runs SET due_at = now() WHERE id IN (
      SELECT id FROM contrail.runs WHERE awaits <> '{}' AND ended_at IS NULL AND awaits @> ARRAY[moved.key] AND state = 'waiting' FOR UPDATE SKIP LOCKED);
  END IF;
  RETURN CASE WHEN to_state = 'finished' THEN moved.result::text END;
END $$;
-- +goose StatementEnd

-- +goose Down
DROP FUNCTION contrail.run_move;
SELECT contrail.drop_empty('contrail.run_log');
SELECT contrail.drop_empty('contrail.run_values');
SELECT contrail.drop_empty('contrail.run_leases');
SELECT contrail.drop_empty('contrail.runs');
