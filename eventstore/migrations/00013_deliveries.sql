-- The ledger of what subscribers do outside the database: one row for what is to reach one recipient by one channel, and one for each attempt.

-- +goose Up

-- The events that deliveries are about, as CloudEvents in JSON, for as long as one is there. Of an event that is encrypted in its store the
-- body is null: what a person may have erased is read where it is erased, and opened anew each time.
CREATE TABLE contrail.delivery_events (
  id       uuid   PRIMARY KEY,                    -- the event's
  position bigint NOT NULL,                       -- in its store
  sequence bigint NOT NULL,                       -- in the JetStream stream; 0: not known
  stream   text   NOT NULL,                       -- of events
  type     text   NOT NULL,
  tenant   text   NOT NULL DEFAULT '',
  body     bytea
);

CREATE TABLE contrail.deliveries (
  id             uuid        PRIMARY KEY,                     -- a UUIDv7, so that they stand in the order in which they were planned
  consumer       text        NOT NULL,                        -- whose ledger it stands in
  event          uuid        NOT NULL REFERENCES contrail.delivery_events,
  channel        text        NOT NULL,                        -- as in mail: names the adapter
  recipient      text        NOT NULL,                        -- whom the adapter knows by that, as in contact-42
  round          integer     NOT NULL DEFAULT 1,              -- 2, 3 …: a person has had it sent again although an earlier one had ended
  tenant         text        NOT NULL DEFAULT '',             -- the event's
  lane           text        NOT NULL DEFAULT '',             -- not empty: begun in order of id, by who holds the lane
  state          text        NOT NULL DEFAULT 'pending',
  reason         text        NOT NULL DEFAULT '',             -- why it stands where it stands, in a word
  attempts       integer     NOT NULL DEFAULT 0,              -- that were started; they are numbered 1 … attempts
  due_at         timestamptz DEFAULT now(),                   -- when it may be begun; null: it has ended, is under way, or held for a person
  claimed_by     text        NOT NULL DEFAULT '',             -- the process that is about to begin it
  claimed_until  timestamptz,
  duplicate_risk boolean     NOT NULL DEFAULT false,          -- the recipient may have got it already: the next attempt may be the second time
  planned_at     timestamptz NOT NULL DEFAULT now(),
  changed_at     timestamptz NOT NULL DEFAULT now(),
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
CREATE INDEX deliveries_lane  ON contrail.deliveries (consumer, lane, id) WHERE lane <> '' AND state IN ('pending', 'dispatched', 'failed');
CREATE INDEX deliveries_event ON contrail.deliveries (event);
CREATE INDEX deliveries_list  ON contrail.deliveries (consumer, state, id);

-- What was done about deliveries, in its order: each row is written before the call that it is about, and completed behind it, once.
CREATE TABLE contrail.delivery_attempts (
  delivery       uuid        NOT NULL REFERENCES contrail.deliveries ON DELETE CASCADE,
  number         integer     NOT NULL,                        -- 1, 2, 3 … without a gap
  started_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
  started_by     text        NOT NULL,                        -- the process
  lease_until    timestamptz NOT NULL,                        -- not completed by then: its process is taken for dead
  duplicate_risk boolean     NOT NULL,                        -- an earlier call may have reached the recipient
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
  CONSTRAINT delivery_attempts_class CHECK (class IN ('', 'temporary', 'permanent', 'bounced', 'unknown'))
);
CREATE INDEX delivery_attempts_open ON contrail.delivery_attempts (lease_until) WHERE outcome = 'started';

-- What else has become of deliveries: what a rule, a recovery or a person has decided.
CREATE TABLE contrail.delivery_log (
  delivery uuid        NOT NULL REFERENCES contrail.deliveries ON DELETE CASCADE,
  number   bigint      GENERATED ALWAYS AS IDENTITY,
  at       timestamptz NOT NULL DEFAULT clock_timestamp(),
  what     text        NOT NULL,                              -- planned again, deferred, suppressed, held, recovered, redriven, cancelled
  by_whom  text        NOT NULL DEFAULT '',
  because  text        NOT NULL DEFAULT '',
  PRIMARY KEY (delivery, number)
);

-- Guards every change of a delivery, whoever makes it.
-- +goose StatementBegin
CREATE FUNCTION contrail.guard_delivery() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.state NOT IN ('pending', 'suppressed') OR NEW.attempts <> 0 THEN
      RAISE EXCEPTION 'a delivery begins as pending or suppressed, without attempts' USING ERRCODE = 'check_violation';
    END IF;
  ELSIF OLD.state IN ('succeeded', 'suppressed', 'cancelled') THEN
    RAISE EXCEPTION 'delivery % has ended: it is %', OLD.id, OLD.state USING ERRCODE = 'check_violation';
  ELSIF (OLD.id, OLD.consumer, OLD.event, OLD.channel, OLD.recipient, OLD.round) IS DISTINCT FROM
        (NEW.id, NEW.consumer, NEW.event, NEW.channel, NEW.recipient, NEW.round) THEN
    RAISE EXCEPTION 'what delivery % is about does not change', OLD.id USING ERRCODE = 'check_violation';
  ELSIF NEW.state <> OLD.state AND (OLD.state, NEW.state) NOT IN (
      ('pending', 'dispatched'), ('pending', 'suppressed'), ('pending', 'cancelled'),
      ('dispatched', 'succeeded'), ('dispatched', 'failed'), ('dispatched', 'suppressed'), ('dispatched', 'cancelled'),
      ('failed', 'dispatched'), ('failed', 'suppressed'), ('failed', 'cancelled')) THEN
    RAISE EXCEPTION 'delivery % can''t go from % to %', OLD.id, OLD.state, NEW.state USING ERRCODE = 'check_violation';
  ELSIF NEW.attempts <> OLD.attempts + (NEW.state = 'dispatched' AND OLD.state <> 'dispatched')::int THEN
    RAISE EXCEPTION 'attempts of delivery % go from % to %', OLD.id, OLD.attempts, NEW.attempts USING ERRCODE = 'check_violation';
  END IF;
  IF NEW.due_at IS NOT NULL AND NEW.state NOT IN ('pending', 'failed') THEN
    RAISE EXCEPTION 'delivery % is %, and can''t be due', NEW.id, NEW.state USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER deliveries_guard BEFORE INSERT OR UPDATE ON contrail.deliveries FOR EACH ROW EXECUTE FUNCTION contrail.guard_delivery();

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
  IF (OLD.delivery, OLD.number, OLD.started_at, OLD.started_by, OLD.duplicate_risk) IS DISTINCT FROM
     (NEW.delivery, NEW.number, NEW.started_at, NEW.started_by, NEW.duplicate_risk)
     OR OLD.outcome <> 'started' AND (
       OLD.late IS NOT NULL OR (OLD.lease_until, OLD.completed_at, OLD.outcome, OLD.class, OLD.error, OLD.response, OLD.receipt, OLD.duration) IS DISTINCT FROM
       (NEW.lease_until, NEW.completed_at, NEW.outcome, NEW.class, NEW.error, NEW.response, NEW.receipt, NEW.duration)) THEN
    RAISE EXCEPTION 'attempt % of delivery % is completed once, and not changed any more', OLD.number, OLD.delivery USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER delivery_attempts_guard BEFORE INSERT OR UPDATE OR DELETE ON contrail.delivery_attempts FOR EACH ROW EXECUTE FUNCTION contrail.guard_attempt();

-- +goose Down
SELECT contrail.drop_empty('contrail.delivery_log');
SELECT contrail.drop_empty('contrail.delivery_attempts');
SELECT contrail.drop_empty('contrail.deliveries');
SELECT contrail.drop_empty('contrail.delivery_events');
DROP FUNCTION contrail.guard_attempt;
DROP FUNCTION contrail.guard_delivery;
