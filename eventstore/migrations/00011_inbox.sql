-- What an inbox knows beside the events that took effect of late: those that were given up, and all that ever took effect.

-- +goose Up

-- The row of an event that became a dead letter, and has not taken effect: how often it had been requeued by then. Whoever still has it in hand, such as
-- a process that was frozen, finds the row and does nothing. When it is requeued once more, the row becomes that of an event that took effect: null.
ALTER TABLE contrail.inbox ADD COLUMN dead integer;

-- Old rows are folded into pages: a bit for each position, set for those that took effect. So a consumer's inbox stays small and forgets nothing: an
-- event that comes back years later, since somebody has repaired the stream, is known.
CREATE TABLE contrail.inbox_pages (
  consumer text   NOT NULL,
  page     bigint NOT NULL,                       -- position >> 16
  bits     bytea  NOT NULL,                       -- 8192 bytes; bit position & 65535, counted as get_bit does
  PRIMARY KEY (consumer, page),
  CONSTRAINT inbox_pages_size CHECK (octet_length(bits) = 8192)
);

-- Takes on events for a consumer, in the transaction of their handlers, and returns the positions of those that have not taken effect and were not
-- given up. Events that were requeued so many times are taken on although they were given up before, but not if they were given up since. It waits where another transaction has taken on the same event and is not over. Positions
-- are inserted in ascending order, so that two processes with the same events don't deadlock.
-- The shared lock (1129270872, hash of the consumer) keeps the rows where they are: folding takes it exclusively. What stands in the pages is read by a
-- statement behind it, with a snapshot of its own, which takes READ COMMITTED.
-- patience: the server ends the session when its transaction is idle for longer than that, since a process that is frozen, or whose host has vanished, would
-- hold what it has claimed for as long as its connection seems to live.
-- +goose StatementBegin
CREATE FUNCTION contrail.inbox_claim(claimant text, positions bigint[], requeued integer DEFAULT 0, patience interval DEFAULT NULL) RETURNS SETOF bigint
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  idle bigint := extract(epoch FROM current_setting('idle_in_transaction_session_timeout')::interval) * 1000; -- 0: none
BEGIN
  IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
    RAISE EXCEPTION 'the inbox needs READ COMMITTED, and this transaction is at %', upper(current_setting('transaction_isolation'))
      USING ERRCODE = 'invalid_transaction_state', HINT = 'Set default_transaction_isolation of the role or the database to read committed.';
  END IF;
  IF patience IS NOT NULL AND (idle = 0 OR idle > extract(epoch FROM patience) * 1000) THEN
    PERFORM set_config('idle_in_transaction_session_timeout', ceil(extract(epoch FROM patience) * 1000)::bigint::text, true);
  END IF;
  PERFORM pg_advisory_xact_lock_shared(1129270872, hashtext(claimant));
  IF EXISTS (SELECT FROM contrail.inbox_pages WHERE consumer = claimant AND page = ANY (SELECT DISTINCT p >> 16 FROM unnest(positions) AS p)) THEN
    positions := ARRAY(
      SELECT p FROM unnest(positions) AS p LEFT JOIN contrail.inbox_pages ON consumer = claimant AND page = p >> 16
      WHERE page IS NULL OR get_bit(bits, (p & 65535)::int) = 0);
  END IF;
  IF requeued > 0 THEN
    RETURN QUERY INSERT INTO contrail.inbox AS known (consumer, position) SELECT claimant, p FROM unnest(positions) AS p ORDER BY p
      ON CONFLICT (consumer, position) DO UPDATE SET dead = NULL, handled_at = now() WHERE known.dead < requeued RETURNING known.position;
  ELSE
    RETURN QUERY INSERT INTO contrail.inbox AS known (consumer, position) SELECT claimant, p FROM unnest(positions) AS p ORDER BY p
      ON CONFLICT DO NOTHING RETURNING known.position;
  END IF;
END $$;
-- +goose StatementEnd

-- Gives up an event of a consumer that was requeued so many times, and returns false if it has taken effect, or was given up later.
-- +goose StatementBegin
CREATE FUNCTION contrail.inbox_give_up(claimant text, given bigint, requeued integer DEFAULT 0) RETURNS boolean
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  PERFORM contrail.inbox_claim(claimant, ARRAY[given], requeued + 1, interval '30 s');
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  UPDATE contrail.inbox SET dead = requeued WHERE consumer = claimant AND position = given;
  RETURN true;
END $$;
-- +goose StatementEnd

-- Folds a consumer's rows that were written before a time, the lowest of some ten thousand, and returns how many; none while another transaction uses
-- the consumer's inbox. Rows of events that were given up stay.
-- +goose StatementBegin
CREATE FUNCTION contrail.inbox_fold(claimant text, before timestamptz) RETURNS bigint
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  folded bigint[];
  leaf   bigint;
  field  bytea;
  place  bigint;
BEGIN
  IF NOT pg_try_advisory_xact_lock(1129270872, hashtext(claimant)) THEN
    RETURN 0;
  END IF;
  folded := ARRAY(
    SELECT position FROM (
      SELECT position, handled_at FROM contrail.inbox WHERE consumer = claimant AND dead IS NULL ORDER BY position LIMIT 10000
    ) AS lowest WHERE handled_at < before);
  FOR leaf IN SELECT DISTINCT p >> 16 FROM unnest(folded) AS p LOOP
    SELECT bits INTO field FROM contrail.inbox_pages WHERE consumer = claimant AND page = leaf;
    field := coalesce(field, decode(repeat('00', 8192), 'hex'));
    FOR place IN SELECT p & 65535 FROM unnest(folded) AS p WHERE p >> 16 = leaf LOOP
      field := set_bit(field, place::int, 1);
    END LOOP;
    INSERT INTO contrail.inbox_pages (consumer, page, bits) VALUES (claimant, leaf, field)
      ON CONFLICT (consumer, page) DO UPDATE SET bits = EXCLUDED.bits;
  END LOOP;
  DELETE FROM contrail.inbox WHERE consumer = claimant AND position = ANY (folded) AND dead IS NULL;
  RETURN coalesce(cardinality(folded), 0);
END $$;
-- +goose StatementEnd

-- Forgets what a consumer has done with the events from one position to another, both included, so that they take effect once more when they are
-- delivered again. It waits until no transaction uses the consumer's inbox.
-- +goose StatementBegin
CREATE FUNCTION contrail.inbox_forget(claimant text, first bigint, last bigint) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  leaf  bigint;
  field bytea;
BEGIN
  PERFORM pg_advisory_xact_lock(1129270872, hashtext(claimant));
  DELETE FROM contrail.inbox WHERE consumer = claimant AND position BETWEEN first AND last;
  DELETE FROM contrail.inbox_pages WHERE consumer = claimant AND page << 16 >= first AND (page << 16) + 65535 <= last;
  FOR leaf, field IN SELECT page, bits FROM contrail.inbox_pages WHERE consumer = claimant AND page BETWEEN first >> 16 AND last >> 16 LOOP
    FOR place IN greatest(first - (leaf << 16), 0)::int .. least(last - (leaf << 16), 65535)::int LOOP
      field := set_bit(field, place, 0);
    END LOOP;
    UPDATE contrail.inbox_pages SET bits = field WHERE consumer = claimant AND page = leaf;
  END LOOP;
END $$;
-- +goose StatementEnd

-- +goose Down
DROP FUNCTION contrail.inbox_forget(text, bigint, bigint);
DROP FUNCTION contrail.inbox_fold(text, timestamptz);
DROP FUNCTION contrail.inbox_give_up(text, bigint, integer);
DROP FUNCTION contrail.inbox_claim(text, bigint[], integer, interval);
SELECT contrail.drop_empty('contrail.inbox_pages');
DELETE FROM contrail.inbox WHERE dead IS NOT NULL; -- as if they had not been written
ALTER TABLE contrail.inbox DROP COLUMN dead;
