-- contrail_consume: what consumers keep in this database: the inbox, the checkpoints of projections, the ledger of deliveries, the runs of
-- steps, the offsets of Watermill's subscribers. It posts to webhooks, with their secrets, and adds none.
-- A consumer that reads the events here as well, to rebuild a projection or through Watermill's subscriber, is a member of contrail_read too.
-- To rebuild a projection takes CREATE on the database besides, by a grant of your own: the new tables stand in a schema of their own.
DO $$ BEGIN
  IF to_regrole('contrail_consume') IS NULL THEN CREATE ROLE contrail_consume NOLOGIN; END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; -- somebody else was faster
END $$;
GRANT USAGE ON SCHEMA contrail TO contrail_consume;
GRANT SELECT ON contrail.migrations TO contrail_consume;
GRANT SELECT, INSERT, UPDATE, DELETE ON contrail.inbox, contrail.inbox_pages TO contrail_consume;
GRANT SELECT, INSERT, UPDATE ON contrail.projections, contrail.offsets TO contrail_consume;
GRANT SELECT, INSERT, UPDATE, DELETE ON contrail.projection_gaps, contrail.rebuilds TO contrail_consume;
GRANT SELECT, INSERT, UPDATE, DELETE ON contrail.delivery_events, contrail.deliveries, contrail.delivery_attempts, contrail.delivery_log,
  contrail.runs, contrail.run_leases, contrail.run_values, contrail.run_log TO contrail_consume;
GRANT SELECT, UPDATE ON contrail.webhooks TO contrail_consume;
GRANT SELECT, INSERT, UPDATE, DELETE ON contrail.webhook_senders TO contrail_consume;
