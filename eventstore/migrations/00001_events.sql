-- The event store. contrail.events is the outbox too: nothing is ever copied, marked or deleted, and what makes a writer safe lives
-- in the table, so that a plain INSERT or COPY by any program is as safe as the library, as long as it leaves `position` to the table.

-- +goose Up
-- The store's own id, written once: it ends the `source` of every message and tells ours from foreign ones.
CREATE TABLE contrail.store (
  id         uuid        NOT NULL DEFAULT gen_random_uuid(),
  singleton  boolean     PRIMARY KEY DEFAULT true CHECK (singleton),
  created_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO contrail.store DEFAULT VALUES;

-- Metadata is a flat object of strings whose keys become CloudEvents attributes, underscores dropped: none may be one of
-- CloudEvents' own, and no two may become the same.
-- +goose StatementBegin
CREATE FUNCTION contrail.is_metadata(metadata jsonb) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
  IF jsonb_typeof(metadata) <> 'object' THEN
    RETURN false;
  END IF;
  RETURN (
    SELECT count(*) = count(DISTINCT replace(key, '_', ''))
       AND coalesce(bool_and(jsonb_typeof(value) = 'string' AND key COLLATE "C" ~ '^[a-z][a-z0-9_]*$'), true)
       AND NOT coalesce(bool_or(replace(key, '_', '') IN (
             'specversion', 'id', 'source', 'type', 'subject', 'time', 'datacontenttype', 'dataschema', 'data', 'database64',
             'partitionkey', 'sequence', 'streamversion')), false)
    FROM jsonb_each(metadata)
  );
END $$;
-- +goose StatementEnd

CREATE TABLE contrail.events (
  position    bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,     -- the global order
  id          uuid        NOT NULL DEFAULT gen_random_uuid() UNIQUE,    -- the message id in the stream
  stream      text        NOT NULL,                                     -- category, '-', id
  version     bigint      NOT NULL CHECK (version > 0),                 -- 1, 2, 3 … within the stream
  type        text        NOT NULL,
  data        jsonb       NOT NULL,
  metadata    jsonb       NOT NULL DEFAULT '{}',
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  UNIQUE (stream, version),
  -- What could not be a NATS subject, or a CloudEvent, can't be an event. The ranges are those of contrail.StreamID.Validate.
  CONSTRAINT events_stream_valid CHECK (octet_length(stream) <= 200 AND stream COLLATE "C" ~ (
    '^[A-Za-z0-9_]+-[^.*>\u0001-\u0020\u007F-\u00A0\u00AD\u061C\u1680\u180E\u2000-\u200F\u2028-\u202F\u205F-\u206F\u3000'
    '\uE000-\uF8FF\uFEFF\uFFF0-\uFFFB\uFFFD-\uFFFF\U000E0000-\U0010FFFF]+$')),
  CONSTRAINT events_type_valid CHECK (octet_length(type) <= 100 AND type COLLATE "C" ~ '^[A-Za-z][A-Za-z0-9_]*$'),
  CONSTRAINT events_recorded_at_valid CHECK (recorded_at >= '0001-01-01 00:00:00+00' AND recorded_at < '10000-01-01 00:00:00+00'), -- RFC 3339
  CONSTRAINT events_metadata_valid CHECK (metadata = '{}'::jsonb OR contrail.is_metadata(metadata))
);

-- The greatest position handed out so far. It reads the sequence itself, not a snapshot.
-- +goose StatementBegin
CREATE FUNCTION contrail.last_position() RETURNS bigint
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  last bigint := pg_sequence_last_value('contrail.events_position_seq'::regclass);
BEGIN
  IF last IS NULL THEN -- nothing drawn since the start, or since ALTER SEQUENCE … RESTART
    SELECT last_value - 1 INTO last FROM contrail.events_position_seq;
  END IF;
  RETURN last;
END $$;
-- +goose StatementEnd

-- Once per transaction, before its first position is drawn, a writer
--   * promises "I may own a position above this": a shared advisory lock that nobody waits for, keyed (1129270868, the low 32 bits of
--     the last position); contrail.horizon() looks for the lowest promise;
--   * tries the "asleep" key (1129270869, 0) shared: a reader that sleeps holds it exclusively, and only then is a NOTIFY sent.
-- The marker is the transaction's own id, so that a value left in the session switches nothing off; a savepoint that rolls the locks
-- back rolls it back too. `SET contrail.notify = off` keeps a transaction free of NOTIFY, for PREPARE TRANSACTION: the readers' safety
-- read finds its events.
-- It costs every commit, so it is made of what PL/pgSQL evaluates without running a query, and is marked STABLE, which spares a snapshot for
-- each of its expressions; it reads nothing through a snapshot.
-- +goose StatementBegin
CREATE FUNCTION contrail.promise() RETURNS trigger
LANGUAGE plpgsql STABLE AS $$
DECLARE
  self text := pg_current_xact_id();
  last bigint;
BEGIN
  IF current_setting('contrail.appender', true) = self THEN
    RETURN NULL;
  END IF;
  last := pg_sequence_last_value('contrail.events_position_seq'::regclass);
  IF last IS NULL THEN
    last := contrail.last_position();
  END IF;
  IF NOT pg_try_advisory_xact_lock_shared(1129270868, ((last << 32) >> 32)::int) THEN -- nobody should have it exclusively
    PERFORM pg_advisory_xact_lock_shared(1129270868, ((last << 32) >> 32)::int);
  END IF;
  self := set_config('contrail.appender', self, true);
  IF NOT pg_try_advisory_xact_lock_shared(1129270869, 0) AND current_setting('contrail.notify', true) IS DISTINCT FROM 'off' THEN
    PERFORM pg_notify('contrail', '');
  END IF;
  RETURN NULL;
END $$;
-- +goose StatementEnd

CREATE TRIGGER events_promise BEFORE INSERT ON contrail.events FOR EACH STATEMENT EXECUTE FUNCTION contrail.promise();
ALTER TABLE contrail.events ENABLE ALWAYS TRIGGER events_promise;

-- +goose StatementBegin
CREATE FUNCTION contrail.refuse() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'contrail.events is append-only: % is refused', TG_OP
    USING ERRCODE = 'restrict_violation', HINT = 'Append an event that says what changed.';
END $$;
-- +goose StatementEnd

CREATE TRIGGER events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON contrail.events
  FOR EACH STATEMENT EXECUTE FUNCTION contrail.refuse();
ALTER TABLE contrail.events ENABLE ALWAYS TRIGGER events_append_only;

-- The greatest position at or below which every row is settled: committed, or gone. It reads the last position first and the promises
-- second: whoever is not among them by then draws a position above the one that was read. Select at or below it in a *later*
-- statement with a snapshot of its own: one statement that does both, or REPEATABLE READ, loses events.
-- +goose StatementBegin
CREATE FUNCTION contrail.horizon() RETURNS bigint
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  last   bigint := contrail.last_position();
  lowest bigint;
BEGIN
  -- Keys hold 32 bits: a promise is a signed distance from what was read, and one above it holds nothing back.
  SELECT min(((objid::bigint - last) << 32) >> 32) INTO lowest
  FROM pg_locks
  WHERE locktype = 'advisory' AND classid = 1129270868 AND objsubid = 2
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database());
  RETURN last + least(lowest, 0);
END $$;
-- +goose StatementEnd

-- Appends a batch [{"id", "type", "data", "metadata"}, …] to one stream. expected: n for "the stream is at version n" (0: there is no
-- such stream), -1 for any version, -2 for a stream that exists. One row an event comes back, or one row that tells why not:
--   appended   position, version and time of each event
--   repeated   likewise: events with these ids, types and data stood at these versions already
--   conflict   the version that the stream is at; nothing was inserted and the transaction is still good
--   duplicate  where an event with the first of the ids stands already; likewise. A later id that is taken is a unique violation
-- The first event is inserted with ON CONFLICT DO NOTHING, which waits for a rival and then yields instead of aborting the
-- transaction; whoever owns it owns the versions after it.
-- +goose StatementBegin
CREATE FUNCTION contrail.append(target text, expected bigint, batch jsonb)
RETURNS TABLE (outcome text, id uuid, "position" bigint, stream text, version bigint, recorded_at timestamptz)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  size   bigint := jsonb_array_length(batch);
  actual bigint;
BEGIN
  LOOP
    SELECT coalesce(max(e.version), 0) INTO actual FROM contrail.events e WHERE e.stream = target;
    EXIT WHEN expected >= 0 AND actual <> expected OR expected = -2 AND actual = 0;

    RETURN QUERY
      INSERT INTO contrail.events AS e (id, stream, version, type, data, metadata)
      SELECT (batch->0->>'id')::uuid, target, actual + 1, batch->0->>'type', batch->0->'data', batch->0->'metadata'
      ON CONFLICT DO NOTHING
      RETURNING 'appended', e.id, e.position, e.stream, e.version, e.recorded_at;
    IF FOUND THEN
      IF size > 1 THEN
        RETURN QUERY
          INSERT INTO contrail.events AS e (id, stream, version, type, data, metadata)
          SELECT (event->>'id')::uuid, target, actual + n, event->>'type', event->'data', event->'metadata'
          FROM jsonb_array_elements(batch) WITH ORDINALITY AS given (event, n)
          WHERE n > 1 ORDER BY n
          RETURNING 'appended', e.id, e.position, e.stream, e.version, e.recorded_at;
      END IF;
      RETURN;
    END IF;
    EXIT WHEN EXISTS (SELECT FROM contrail.events e WHERE e.id = (batch->0->>'id')::uuid);
  END LOOP;

  RETURN QUERY
    WITH known AS (
      SELECT e.*, n, e.version - n AS base, e.type = event->>'type' AND e.data = event->'data' AS same
      FROM jsonb_array_elements(batch) WITH ORDINALITY AS given (event, n)
      JOIN contrail.events e ON e.id = (event->>'id')::uuid
    ), verdict AS (
      SELECT count(*) = size AND bool_and(k.stream = target AND k.same) AND count(DISTINCT k.base) = 1
             AND (expected < 0 OR min(k.base) = expected) AS repeated
      FROM known k
    )
    (SELECT 'repeated', k.id, k.position, k.stream, k.version, k.recorded_at FROM known k, verdict v WHERE v.repeated ORDER BY k.n)
    UNION ALL
    (SELECT 'duplicate', k.id, k.position, k.stream, k.version, k.recorded_at FROM known k, verdict v WHERE NOT v.repeated ORDER BY k.n LIMIT 1);
  IF NOT FOUND THEN
    RETURN QUERY SELECT 'conflict', NULL::uuid, NULL::bigint, target, actual, NULL::timestamptz;
  END IF;
END $$;
-- +goose StatementEnd

-- +goose Down
-- Nothing: the way back from the first migration is to drop the schema by hand, with every event in it. The others' way down makes away with
-- nothing that can't be made again: contrail.drop_empty, which is there only meanwhile, refuses a table that has rows.
SELECT 1;
