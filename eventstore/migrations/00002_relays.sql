-- Where each relayed stream stands, and who relays it.

-- +goose Up

-- Written after each batch with synchronous_commit = off: a crash may lose the last writes, which costs nothing, since the broker is
-- asked first.
CREATE TABLE contrail.relays (
  stream     text        PRIMARY KEY,              -- the JetStream stream
  position   bigint      NOT NULL DEFAULT 0,       -- the last event that the broker acknowledged
  sequence   bigint      NOT NULL DEFAULT 0,       -- the sequence it has there
  leader     text        NOT NULL DEFAULT '',      -- host:pid of the relay that led last; contrail.leader() tells whether it still does
  lost       bigint      NOT NULL DEFAULT 0,       -- events that the broker had acknowledged and lost, and that were sent again
  updated_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);                          -- one hot row: leave room for updates in place

-- Waits for the leadership of a stream, a session-level advisory lock (1129270870, hash of the stream), and returns true once this
-- session has it; false after a minute, so that a waiting session does not keep a snapshot, and with it the vacuum, for days.
-- +goose StatementBegin
CREATE FUNCTION contrail.lead(relayed text) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('lock_timeout', '60s', true);
  PERFORM pg_advisory_lock(1129270870, hashtext(relayed));
  RETURN true;
EXCEPTION WHEN lock_not_available THEN
  RETURN false;
END $$;
-- +goose StatementEnd

-- The host:pid of the relay that leads a stream now, or ''.
-- +goose StatementBegin
CREATE FUNCTION contrail.leader(relayed text) RETURNS text
LANGUAGE sql STABLE AS $$
  SELECT coalesce((
    SELECT r.leader FROM contrail.relays r
    WHERE r.stream = relayed AND EXISTS (
      SELECT FROM pg_locks l
      WHERE l.locktype = 'advisory' AND l.granted AND l.classid = 1129270870 AND l.objsubid = 2
        AND l.objid = (hashtext(relayed)::bigint & 4294967295)::oid
        AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()))
  ), '')
$$;
-- +goose StatementEnd

-- +goose Down
DROP FUNCTION contrail.leader(text);
DROP FUNCTION contrail.lead(text);
SELECT contrail.drop_empty('contrail.relays');
