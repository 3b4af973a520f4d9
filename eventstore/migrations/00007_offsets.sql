-- What Watermill's SQL publisher and subscriber need to work on contrail.events.

-- +goose Up

-- How far each consumer group has read each topic.
CREATE TABLE contrail.offsets (
  topic          text        NOT NULL,
  consumer_group text        NOT NULL,                 -- may be ''
  position       bigint      NOT NULL DEFAULT 0,       -- at or below it every event was acknowledged, or is not of the topic
  updated_at     timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (topic, consumer_group)
) WITH (fillfactor = 50);                              -- hot rows: leave room for updates in place

-- The next events of a topic for a consumer group, at most `size` of them, in position order. filter is {"category", "stream", "types"}, of
-- which each may be absent, or {"fault"}, what is wrong with the filter. It
--   1. locks the group's row, so that the group reads one transaction at a time,
--   2. asks for the horizon,
--   3. selects, with a snapshot that is younger than the horizon: this is why it is a VOLATILE function, and why it refuses REPEATABLE READ,
--   4. remembers how far there was nothing of the topic, so that a rare one does not have the same rows looked at again and again. To look
--      at up to a thousand rows again is cheaper than to write each time.
-- The settings pin a walk in position order along the primary key or the index on categories, whatever the planner believes of a
-- filter: anything that sorts would have to fetch all that is left to read first.
-- +goose StatementBegin
CREATE FUNCTION contrail.next_events(reading text, consumers text, filter jsonb, size int) RETURNS SETOF contrail.events
LANGUAGE plpgsql VOLATILE ROWS 100
SET plan_cache_mode = force_custom_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_sort = off
AS $$
#variable_conflict use_column
DECLARE
  wanted_category text   := filter->>'category';
  wanted_stream   text   := filter->>'stream';
  wanted_types    text[] := ARRAY(SELECT jsonb_array_elements_text(filter->'types'));
  acked           bigint;
  settled         bigint;
  passed          bigint;
  event           contrail.events;
BEGIN
  IF filter ? 'fault' THEN
    RAISE EXCEPTION '%', filter->>'fault' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF current_setting('transaction_isolation') IN ('repeatable read', 'serializable') THEN
    RAISE EXCEPTION 'contrail.next_events would lose events at %', upper(current_setting('transaction_isolation'))
      USING ERRCODE = 'active_sql_transaction', HINT = 'Call it at READ COMMITTED, where each of its statements has a snapshot of its own.';
  END IF;
  SELECT o.position INTO acked FROM contrail.offsets o WHERE o.topic = reading AND o.consumer_group = consumers FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'consumer group "%" has no offset in topic "%"', consumers, reading
      USING ERRCODE = 'no_data_found', HINT = 'Subscribe with wmsql.OffsetsAdapter, which inserts it into contrail.offsets.';
  END IF;
  settled := contrail.horizon();
  FOR event IN
    SELECT * FROM contrail.events e
    WHERE e.position > acked AND e.position <= settled
      AND (wanted_category IS NULL OR split_part(e.stream, '-', 1) = wanted_category)
      AND (wanted_stream IS NULL OR e.stream = wanted_stream)
      AND (wanted_types = '{}' OR e.type = ANY (wanted_types))
    ORDER BY e.position LIMIT size
  LOOP
    passed := coalesce(passed, event.position - 1);
    RETURN NEXT event;
  END LOOP;
  passed := coalesce(passed, settled);
  IF passed >= acked + 1000 THEN
    UPDATE contrail.offsets o SET position = passed, updated_at = clock_timestamp()
    WHERE o.topic = reading AND o.consumer_group = consumers;
  END IF;
END $$;
-- +goose StatementEnd

-- Appends [{"id", "stream", "type", "data", "metadata", "copy"}, …] in this order, each at the next version of its stream: where writers meet,
-- the later waits for the earlier, as with contrail.append at any version. An event that stands in its stream already, with this id, type and
-- data, is passed over. Where the id stands in another stream, which is a message published to several topics, what
-- "copy" holds is taken instead: an id of its own, and metadata.
-- +goose StatementBegin
CREATE FUNCTION contrail.publish(batch jsonb) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  entry jsonb;
  done  record;
BEGIN
  FOR entry IN SELECT value FROM jsonb_array_elements(batch) WITH ORDINALITY AS given (value, n) ORDER BY n LOOP
    SELECT * INTO done FROM contrail.append(entry->>'stream', -1, jsonb_build_array(entry));
    IF done.outcome = 'duplicate' AND done.stream <> entry->>'stream' AND entry ? 'copy' THEN
      entry := entry || (entry->'copy');
      SELECT * INTO done FROM contrail.append(entry->>'stream', -1, jsonb_build_array(entry));
    END IF;
    IF done.outcome NOT IN ('appended', 'repeated') THEN
      RAISE EXCEPTION 'event id % stands at version % of stream % already (position %), with another type or other data',
        done.id, done.version, done.stream, done.position
        USING ERRCODE = 'unique_violation', HINT = 'Give each message a UUID of its own.';
    END IF;
  END LOOP;
END $$;
-- +goose StatementEnd

-- +goose Down
DROP FUNCTION contrail.publish(jsonb);
DROP FUNCTION contrail.next_events(text, text, jsonb, int);
SELECT contrail.drop_empty('contrail.offsets');
