-- The ledger of what subscribers do outside the database: one row for what is to reach one recipient by one channel, and one for each attempt.

-- +goose Up

-- The events that deliveries are about, as CloudEvents in JSON, for as long as one is there. Of an event that is encrypted in its store the
-- body is null: what a person may have erased is read where it is erased, and opened anew each time. Each consumer has its own, so that those who plan
-- the same event don't wait for one another.
CREATE TABLE contrail.delivery_events (
  consumer text   NOT NULL,                       -- in whose ledger the deliveries stand
  id       uuid   NOT NULL,                       -- the event's
  position bigint NOT NULL,                       -- in its store
  sequence bigint NOT NULL,                       -- in the JetStream stream; 0: not known
  stream   text   NOT NULL,                       -- of events
  type     text   NOT NULL,
  tenant   text   NOT NULL DEFAULT '',
  body     bytea,
  PRIMARY KEY (consumer, id)
);

CREATE TABLE contrail.deliveries (
  id             uuid        PRIMARY KEY,                     -- a UUIDv7, roughly in the order in which they were planned
  number         bigint      GENERATED ALWAYS AS IDENTITY,    -- in the order in which they were planned, exactly so for events of one stream
  consumer       text        NOT NULL,                        -- whose ledger it stands in
  event          uuid        NOT NULL,
  channel        text        NOT NULL,                        -- as in mail: names the adapter
  recipient      text        NOT NULL,                        -- whom the adapter knows by that, as in contact-42
  round          integer     NOT NULL DEFAULT 1,              -- 2, 3 …: a person has had it sent again although an earlier one had ended
  tenant         text        NOT NULL DEFAULT '',             -- the event's
  lane           text        NOT NULL DEFAULT '',             -- not empty: begun in order of number, by who holds the lane
  state          text        NOT NULL DEFAULT 'pending',
  reason         text        NOT NULL DEFAULT '',             -- why it stands where it stands, in a word
  attempts       integer     NOT NULL DEFAULT 0,              -- that were started; they are numbered 1 … attempts
  forgiven       integer     NOT NULL DEFAULT 0,              -- how many of them count against no bound, since a person has had it tried again
  cancelling     text        NOT NULL DEFAULT '',             -- the reason to cancel it for when the attempt under way has not succeeded
  due_at         timestamptz DEFAULT now(),                   -- when it may be begun; null: it has ended, is under way, or has failed and is held for a person
  claimed_by     text        NOT NULL DEFAULT '',             -- the process that is about to begin it
  claimed_until  timestamptz,
  duplicate_risk boolean     NOT NULL DEFAULT false,          -- the recipient may have got it already: the next attempt may be the second time
  planned_at     timestamptz NOT NULL DEFAULT now(),
  changed_at     timestamptz NOT NULL DEFAULT now(),
  FOREIGN KEY (consumer, event) REFERENCES contrail.delivery_events,
  CONSTRAINT deliveries_key UNIQUE (consumer, event, channel, recipient, round),
  CONSTRAINT deliveries_state CHECK (state IN (
    'pending',      -- planned, and not begun
    'dispatched',   -- an attempt is under way
    'failed',       -- the last attempt failed: another one is due, or a person decides
    'succeeded',    -- and ended, as are the ones below
    'suppressed',   -- a rule says that it shall not be sent
    'cancelled'     -- given up: the reason says why
  ))
) WITH (fillfactor = 80);
CREATE INDEX deliveries_due   ON contrail.deliveries (consumer, due_at, id) WHERE due_at IS NOT NULL AND lane = '';
CREATE INDEX deliveries_lane  ON contrail.deliveries (consumer, lane, number) WHERE lane <> '' AND state IN ('pending', 'dispatched', 'failed');
CREATE INDEX deliveries_event ON contrail.deliveries (event);
CREATE INDEX deliveries_list  ON contrail.deliveries (consumer, state, id);
CREATE INDEX deliveries_recipient ON contrail.deliveries (consumer, recipient, id);

-- What was done about deliveries, in its order: each row is written before the call that it is about, and completed behind it, once.
CREATE TABLE contrail.delivery_attempts (
  delivery       uuid        NOT NULL REFERENCES contrail.deliveries ON DELETE CASCADE,
  number         integer     NOT NULL,                        -- 1, 2, 3 … without a gap
  started_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
  started_by     text        NOT NULL,                        -- the process
  lease_until    timestamptz NOT NULL,                        -- not completed by then: its process is taken for dead
  duplicate_risk boolean     NOT NULL,                        -- an earlier call may have reached the recipient
  lost           text        NOT NULL,                        -- what becomes of the delivery if nobody completes the attempt
  lost_delay     interval    NOT NULL,                        -- and after what time it is due then, if it is sent again
  completed_at   timestamptz,
  outcome        text        NOT NULL DEFAULT 'started',
  class          text        NOT NULL DEFAULT '',             -- of a failure: temporary, permanent, bounced, unknown
  error          text        NOT NULL DEFAULT '',
  response       text        NOT NULL DEFAULT '',             -- what the other side said, made harmless
  receipt        text        NOT NULL DEFAULT '',             -- by which the other side knows it
  duration       interval,                                    -- of the call
  late           jsonb,                                       -- the outcome that came although the attempt was ambiguous by then
  PRIMARY KEY (delivery, number),
  CONSTRAINT delivery_attempts_outcome CHECK (outcome IN (
    'started',      -- and not over
    'succeeded',
    'failed',
    'skipped',      -- the adapter says that it need not be sent
    'ambiguous'     -- nobody knows whether the call took effect
  )),
  CONSTRAINT delivery_attempts_completed CHECK ((outcome = 'started') = (completed_at IS NULL) AND (late IS NULL OR outcome = 'ambiguous')),
  CONSTRAINT delivery_attempts_lost CHECK (lost IN (
    'hold',         -- it waits for a person
    'resend',       -- it is sent again
    'cancel'        -- it was the last attempt: retries_exhausted
  )),
  CONSTRAINT delivery_attempts_class CHECK (class IN ('', 'temporary', 'permanent', 'bounced', 'unknown'))
);
CREATE INDEX delivery_attempts_open ON contrail.delivery_attempts (lease_until) WHERE outcome = 'started';

-- What else has become of deliveries: what a rule, a recovery or a person has decided.
CREATE TABLE contrail.delivery_log (
  delivery uuid        NOT NULL REFERENCES contrail.deliveries ON DELETE CASCADE,
  number   bigint      GENERATED ALWAYS AS IDENTITY,
  at       timestamptz NOT NULL DEFAULT clock_timestamp(),
  what     text        NOT NULL,                              -- deferred, suppressed, held, recovered, redriven, cancelling, cancelled
  by_whom  text        NOT NULL DEFAULT '',                   -- a person, or the process
  because  text        NOT NULL DEFAULT '',
  until    timestamptz,                                       -- when it is due, of what was deferred or redriven
  PRIMARY KEY (delivery, number)
);

-- Guards every change of a delivery, whoever makes it.
-- +goose StatementBegin
CREATE FUNCTION contrail.guard_delivery() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.state NOT IN ('pending', 'suppressed') OR NEW.attempts <> 0 OR NEW.forgiven <> 0 THEN
      RAISE EXCEPTION 'a delivery begins as pending or suppressed, without attempts' USING ERRCODE = 'check_violation';
    END IF;
  ELSIF TG_OP = 'DELETE' THEN
    IF OLD.state NOT IN ('succeeded', 'suppressed', 'cancelled') THEN
      RAISE EXCEPTION 'delivery % is %, and is not deleted before it has ended', OLD.id, OLD.state USING ERRCODE = 'check_violation';
    END IF;
    RETURN OLD;
  ELSIF OLD.state IN ('succeeded', 'suppressed', 'cancelled') THEN
    RAISE EXCEPTION 'delivery % has ended: it is %', OLD.id, OLD.state USING ERRCODE = 'check_violation';
  ELSIF (OLD.id, OLD.number, OLD.consumer, OLD.event, OLD.channel, OLD.recipient, OLD.round, OLD.tenant, OLD.lane, OLD.planned_at) IS DISTINCT FROM
        (NEW.id, NEW.number, NEW.consumer, NEW.event, NEW.channel, NEW.recipient, NEW.round, NEW.tenant, NEW.lane, NEW.planned_at) THEN
    RAISE EXCEPTION 'what delivery % is about does not change', OLD.id USING ERRCODE = 'check_violation';
  ELSIF NEW.state <> OLD.state AND (OLD.state, NEW.state) NOT IN (
      ('pending', 'dispatched'), ('pending', 'suppressed'), ('pending', 'cancelled'),
      ('dispatched', 'succeeded'), ('dispatched', 'failed'), ('dispatched', 'suppressed'), ('dispatched', 'cancelled'),
      ('failed', 'dispatched'), ('failed', 'suppressed'), ('failed', 'cancelled')) THEN
    RAISE EXCEPTION 'delivery % can''t go from % to %', OLD.id, OLD.state, NEW.state USING ERRCODE = 'check_violation';
  ELSIF NEW.attempts <> OLD.attempts + (NEW.state = 'dispatched' AND OLD.state <> 'dispatched')::int THEN
    RAISE EXCEPTION 'attempts of delivery % go from % to %', OLD.id, OLD.attempts, NEW.attempts USING ERRCODE = 'check_violation';
  ELSIF NEW.forgiven < OLD.forgiven OR NEW.forgiven > NEW.attempts THEN
    RAISE EXCEPTION 'forgiven attempts of delivery % go from % to %, of %', OLD.id, OLD.forgiven, NEW.forgiven, NEW.attempts USING ERRCODE = 'check_violation';
  ELSIF OLD.duplicate_risk AND NOT NEW.duplicate_risk THEN
    RAISE EXCEPTION 'delivery % may be a duplicate, and remains one that may', OLD.id USING ERRCODE = 'check_violation';
  ELSIF OLD.state = 'dispatched' AND NEW.state <> 'dispatched' AND EXISTS (
      SELECT FROM contrail.delivery_attempts WHERE delivery = OLD.id AND delivery_attempts.number = OLD.attempts AND outcome = 'started') THEN
    RAISE EXCEPTION 'attempt % of delivery % is not completed', OLD.attempts, OLD.id USING ERRCODE = 'check_violation';
  END IF;
  IF NEW.due_at IS NOT NULL AND NEW.state NOT IN ('pending', 'failed') OR NEW.due_at IS NULL AND NEW.state = 'pending' THEN
    RAISE EXCEPTION 'delivery % is %, and can''t be due at %', NEW.id, NEW.state, NEW.due_at USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER deliveries_guard BEFORE INSERT OR UPDATE OR DELETE ON contrail.deliveries FOR EACH ROW EXECUTE FUNCTION contrail.guard_delivery();

-- Who begins a delivery writes its attempt in the same transaction.
-- +goose StatementBegin
CREATE FUNCTION contrail.guard_dispatch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM contrail.delivery_attempts WHERE delivery = NEW.id AND number = NEW.attempts) THEN
    RAISE EXCEPTION 'delivery % was begun without attempt %', NEW.id, NEW.attempts USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE CONSTRAINT TRIGGER deliveries_dispatch AFTER UPDATE ON contrail.deliveries DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW WHEN (NEW.attempts > OLD.attempts) EXECUTE FUNCTION contrail.guard_dispatch();

-- Guards attempts: numbered without a gap, completed once, and there for as long as their delivery is.
-- +goose StatementBegin
CREATE FUNCTION contrail.guard_attempt() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.outcome <> 'started' OR NOT EXISTS (
        SELECT FROM contrail.deliveries WHERE id = NEW.delivery AND attempts = NEW.number AND state = 'dispatched') THEN
      RAISE EXCEPTION 'attempt % of delivery % is not the one that begins now', NEW.number, NEW.delivery USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
  ELSIF TG_OP = 'DELETE' THEN
    IF EXISTS (SELECT FROM contrail.deliveries WHERE id = OLD.delivery) THEN
      RAISE EXCEPTION 'attempts are deleted with their delivery alone' USING ERRCODE = 'check_violation';
    END IF;
    RETURN OLD;
  END IF;
  IF (OLD.delivery, OLD.number, OLD.started_at, OLD.started_by, OLD.duplicate_risk, OLD.lost, OLD.lost_delay) IS DISTINCT FROM
     (NEW.delivery, NEW.number, NEW.started_at, NEW.started_by, NEW.duplicate_risk, NEW.lost, NEW.lost_delay)
     OR OLD.outcome <> 'started' AND (
       OLD.late IS NOT NULL OR (OLD.lease_until, OLD.completed_at, OLD.outcome, OLD.class, OLD.error, OLD.response, OLD.receipt, OLD.duration) IS DISTINCT FROM
       (NEW.lease_until, NEW.completed_at, NEW.outcome, NEW.class, NEW.error, NEW.response, NEW.receipt, NEW.duration)) THEN
    RAISE EXCEPTION 'attempt % of delivery % is completed once, and not changed any more', OLD.number, OLD.delivery USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER delivery_attempts_guard BEFORE INSERT OR UPDATE OR DELETE ON contrail.delivery_attempts FOR EACH ROW EXECUTE FUNCTION contrail.guard_attempt();

-- What was decided stays as it was written, for as long as its delivery is there.
-- +goose StatementBegin
CREATE FUNCTION contrail.guard_delivery_log() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' AND NOT EXISTS (SELECT FROM contrail.deliveries WHERE id = OLD.delivery) THEN
    RETURN OLD;
  END IF;
  RAISE EXCEPTION 'the log of delivery % is only added to', OLD.delivery USING ERRCODE = 'check_violation';
END $$;
-- +goose StatementEnd
CREATE TRIGGER delivery_log_guard BEFORE UPDATE OR DELETE ON contrail.delivery_log FOR EACH ROW EXECUTE FUNCTION contrail.guard_delivery_log();

-- Plans deliveries of an event, in the caller's transaction, and returns how many are new: one that is there already stays what it is. The event's row is
-- locked FOR KEY SHARE, so that it is not purged meanwhile; where that has just happened it is written again.
-- ids … whys: one element for each; a null due is now.
-- +goose StatementBegin
CREATE FUNCTION contrail.delivery_plan(about contrail.delivery_events, ids uuid[], channels text[], recipients text[], lanes text[],
  states text[], whys text[], dues timestamptz[], process text) RETURNS integer
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  planned integer;
BEGIN
  LOOP
    INSERT INTO contrail.delivery_events SELECT about.* ON CONFLICT DO NOTHING;
    PERFORM FROM contrail.delivery_events WHERE consumer = about.consumer AND id = about.id FOR KEY SHARE;
    EXIT WHEN FOUND;
  END LOOP;
  WITH wanted AS (
    SELECT * FROM unnest(ids, channels, recipients, lanes, states, whys, dues) WITH ORDINALITY AS w (id, channel, recipient, lane, state, why, due, place)
  ), fresh AS (
    INSERT INTO contrail.deliveries (id, consumer, event, channel, recipient, tenant, lane, state, reason, due_at)
    SELECT id, about.consumer, about.id, channel, recipient, about.tenant, lane, state, why, CASE state WHEN 'pending' THEN coalesce(due, clock_timestamp()) END
    FROM wanted ORDER BY place
    ON CONFLICT DO NOTHING RETURNING deliveries.id
  ), noted AS (
    INSERT INTO contrail.delivery_log (delivery, what, by_whom, because, until)
    SELECT id, CASE state WHEN 'pending' THEN 'deferred' ELSE state END, process, why, due FROM wanted JOIN fresh USING (id) WHERE why <> ''
  ) SELECT count(*) INTO planned FROM fresh;
  RETURN planned;
END $$;
-- +goose StatementEnd

-- Begins a delivery that is due and nobody else is about to begin, and returns its attempt's number and its event. One that has used up its attempts is
-- cancelled instead: then the number is zero. No row: it is not to be begun. most: how many attempts it has, without the forgiven ones; below zero: any number.
-- It locks the delivery's row; who has the row waits for nothing but the database.
-- +goose StatementBegin
CREATE FUNCTION contrail.delivery_begin(which uuid, process text, lease interval, most integer, handling text, delay interval)
RETURNS TABLE (number integer, risk boolean, last boolean, body bytea)
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  moment timestamptz := clock_timestamp();
  whose  text;
  about  uuid;
BEGIN
  UPDATE contrail.deliveries AS d
  SET state = 'dispatched', reason = '', attempts = d.attempts + 1, due_at = NULL, claimed_by = '', claimed_until = NULL, changed_at = moment
  WHERE d.id = which AND d.state IN ('pending', 'failed') AND d.due_at <= moment AND (most < 0 OR d.attempts - d.forgiven < most)
    AND (d.claimed_until IS NULL OR d.claimed_until <= moment OR d.claimed_by = process)
  RETURNING d.attempts, d.duplicate_risk, most >= 0 AND d.attempts - d.forgiven >= most, d.consumer, d.event INTO number, risk, last, whose, about;
  IF FOUND THEN
    INSERT INTO contrail.delivery_attempts (delivery, number, started_at, started_by, lease_until, duplicate_risk, lost, lost_delay)
    VALUES (which, number, moment, process, moment + lease, risk, CASE WHEN last AND handling = 'resend' THEN 'cancel' ELSE handling END, delay);
    SELECT e.body INTO body FROM contrail.delivery_events AS e WHERE e.consumer = whose AND e.id = about;
    RETURN NEXT;
    RETURN;
  END IF;
  UPDATE contrail.deliveries AS d
  SET state = 'cancelled', reason = 'retries_exhausted', due_at = NULL, claimed_by = '', claimed_until = NULL, changed_at = moment
  WHERE d.id = which AND d.state IN ('pending', 'failed') AND d.due_at <= moment AND most >= 0 AND d.attempts - d.forgiven >= most
    AND (d.claimed_until IS NULL OR d.claimed_until <= moment OR d.claimed_by = process);
  IF FOUND THEN
    INSERT INTO contrail.delivery_log (delivery, what, by_whom, because) VALUES (which, 'cancelled', process, 'retries_exhausted');
    RETURN QUERY SELECT 0, false, true, NULL::bytea;
  END IF;
END $$;
-- +goose StatementEnd

-- Completes an attempt, and moves its delivery on; said twice, it is done once. An attempt that was completed by somebody else, as ambiguous, keeps the outcome as
-- late, and its delivery stays where it stands. A null delay: it has ended, or is held for a person.
-- It locks the attempt's row and then the delivery's; whoever else needs both skips what is locked.
-- +goose StatementBegin
CREATE FUNCTION contrail.delivery_complete(which uuid, attempt integer, process text, ended text, of_class text, message text, answer text, known text,
  took interval, next_state text, next_reason text, delay interval, risk boolean)
RETURNS TABLE (state text, reason text, due timestamptz, late boolean)
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  moment timestamptz := clock_timestamp();
BEGIN
  UPDATE contrail.delivery_attempts
  SET outcome = ended, completed_at = moment, class = of_class, error = message, response = answer, receipt = known, duration = took
  WHERE delivery = which AND number = attempt AND outcome = 'started';
  IF NOT FOUND THEN
    UPDATE contrail.delivery_attempts AS a SET late = jsonb_build_object('at', moment, 'outcome', ended, 'class', of_class, 'error', message,
      'response', answer, 'receipt', known, 'duration', extract(epoch FROM took))
    WHERE delivery = which AND number = attempt AND outcome = 'ambiguous' AND a.late IS NULL AND (ended, message) IS DISTINCT FROM (outcome, error);
    RETURN QUERY SELECT d.state, d.reason, d.due_at, FOUND FROM contrail.deliveries AS d WHERE d.id = which;
    RETURN;
  END IF;
  UPDATE contrail.deliveries AS d SET changed_at = moment, duplicate_risk = d.duplicate_risk OR risk, cancelling = '',
    state = CASE WHEN next_state = 'failed' AND d.cancelling <> '' THEN 'cancelled' ELSE next_state END,
    reason = CASE WHEN next_state = 'failed' AND d.cancelling <> '' THEN d.cancelling ELSE next_reason END,
    due_at = CASE WHEN d.cancelling = '' THEN moment + delay END
  WHERE d.id = which RETURNING d.state, d.reason, d.due_at, false INTO state, reason, due, late;
  IF due IS NULL AND state <> 'succeeded' THEN
    INSERT INTO contrail.delivery_log (delivery, what, by_whom, because)
    VALUES (which, CASE state WHEN 'failed' THEN 'held' ELSE state END, process, reason);
  END IF;
  RETURN NEXT;
END $$;
-- +goose StatementEnd

-- Decides about a delivery that is due, instead of beginning it: it is suppressed or cancelled, or, with a null next_state, put off until a time, or by a delay.
-- No row: somebody else has it in hand. What is put off again for the same reason leaves one line in the log.
-- +goose StatementBegin
CREATE FUNCTION contrail.delivery_decide(which uuid, process text, next_state text, why text, detail text, later timestamptz, delay interval)
RETURNS TABLE (state text, reason text, due timestamptz)
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  moment timestamptz := clock_timestamp();
  made   text := coalesce(next_state, 'deferred');
BEGIN
  UPDATE contrail.deliveries AS d SET state = coalesce(next_state, d.state), reason = why, changed_at = moment, claimed_by = '', claimed_until = NULL,
    due_at = CASE WHEN next_state IS NULL THEN coalesce(later, moment + delay) END
  WHERE d.id = which AND d.state IN ('pending', 'failed') AND d.due_at <= moment
    AND (d.claimed_until IS NULL OR d.claimed_until <= moment OR d.claimed_by = process)
  RETURNING d.state, d.reason, d.due_at INTO state, reason, due;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  INSERT INTO contrail.delivery_log (delivery, what, by_whom, because, until)
  SELECT which, made, process, detail, due WHERE NOT EXISTS (
    SELECT FROM (SELECT l.what, l.because FROM contrail.delivery_log AS l WHERE l.delivery = which ORDER BY l.number DESC LIMIT 1) AS newest
    WHERE newest.what = made AND newest.because = detail);
  RETURN NEXT;
END $$;
-- +goose StatementEnd

-- Takes attempts for lost whose lease is over, at most so many: they become ambiguous, and of their deliveries that becomes which was agreed on when they were begun, or
-- what handling says. Null: of any consumer, any tenant, any delivery. What somebody else is about to recover or complete is skipped, so many can do this at
-- a time, and each attempt is recovered once. It relies on delivery_attempts_open.
-- +goose StatementBegin
CREATE FUNCTION contrail.delivery_recover(whose text, of_tenant text, which uuid, who text, because text, handling text, most integer)
RETURNS TABLE (id uuid, attempt integer, state text, due timestamptz)
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  moment timestamptz := clock_timestamp();
  stale  record;
BEGIN
  FOR stale IN
    SELECT a.delivery, a.number, a.lost_delay, CASE WHEN handling IS NULL OR handling = 'resend' AND a.lost = 'cancel' THEN a.lost ELSE handling END AS fate
    FROM contrail.delivery_attempts AS a JOIN contrail.deliveries AS d ON d.id = a.delivery
    WHERE a.outcome = 'started' AND a.lease_until < moment AND d.state = 'dispatched' AND (whose IS NULL OR d.consumer = whose)
      AND (of_tenant IS NULL OR d.tenant = of_tenant) AND (which IS NULL OR d.id = which)
    ORDER BY a.lease_until LIMIT most FOR UPDATE OF a, d SKIP LOCKED
  LOOP
    UPDATE contrail.delivery_attempts SET outcome = 'ambiguous', completed_at = clock_timestamp(),
      error = 'its process did not say what became of it'
    WHERE delivery = stale.delivery AND number = stale.number;
    UPDATE contrail.deliveries AS d SET changed_at = clock_timestamp(), duplicate_risk = true, cancelling = '',
      state = CASE WHEN d.cancelling <> '' OR stale.fate = 'cancel' THEN 'cancelled' ELSE 'failed' END,
      reason = CASE WHEN d.cancelling <> '' THEN d.cancelling WHEN stale.fate = 'cancel' THEN 'retries_exhausted' ELSE 'ambiguous' END,
      due_at = CASE WHEN d.cancelling = '' AND stale.fate = 'resend' THEN clock_timestamp() + stale.lost_delay END
    WHERE d.id = stale.delivery RETURNING d.id, stale.number, d.state, d.due_at INTO id, attempt, state, due;
    INSERT INTO contrail.delivery_log (delivery, what, by_whom, because, until) VALUES (stale.delivery, 'recovered', who, because, due);
    IF due IS NULL THEN
      INSERT INTO contrail.delivery_log (delivery, what, by_whom, because)
      SELECT d.id, CASE d.state WHEN 'failed' THEN 'held' ELSE d.state END, who, d.reason FROM contrail.deliveries AS d WHERE d.id = stale.delivery;
    END IF;
    RETURN NEXT;
  END LOOP;
END $$;
-- +goose StatementEnd

-- +goose Down
DROP FUNCTION contrail.delivery_recover;
DROP FUNCTION contrail.delivery_decide;
DROP FUNCTION contrail.delivery_complete;
DROP FUNCTION contrail.delivery_begin;
DROP FUNCTION contrail.delivery_plan;
SELECT contrail.drop_empty('contrail.delivery_log');
SELECT contrail.drop_empty('contrail.delivery_attempts');
SELECT contrail.drop_empty('contrail.deliveries');
SELECT contrail.drop_empty('contrail.delivery_events');
DROP FUNCTION contrail.guard_delivery_log;
DROP FUNCTION contrail.guard_attempt;
DROP FUNCTION contrail.guard_dispatch;
DROP FUNCTION contrail.guard_delivery;
