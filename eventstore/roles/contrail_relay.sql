-- contrail_relay: what contrail_read may, and the relays' own ledger. It appends nothing and holds no keys: events are relayed as they are
-- stored.
DO $$ BEGIN
  IF to_regrole('contrail_relay') IS NULL THEN CREATE ROLE contrail_relay NOLOGIN; END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; -- somebody else was faster
END $$;
GRANT USAGE ON SCHEMA contrail TO contrail_relay;
GRANT SELECT ON contrail.events, contrail.events_position_seq, contrail.store, contrail.migrations TO contrail_relay;
GRANT SELECT, INSERT, UPDATE ON contrail.relays, contrail.parked TO contrail_relay;
GRANT SELECT, INSERT, UPDATE, DELETE ON contrail.relay_processes TO contrail_relay;
