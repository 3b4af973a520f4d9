-- contrail_operate: pauses and stops relays, pauses projections and has them rebuilt, decides about the events that relays have parked, about deliveries and
-- runs of steps, keeps the webhooks and their secrets, and writes down what people have done. What it decides about it sees only as a member of
-- contrail_read.
DO $$ BEGIN
  IF to_regrole('contrail_operate') IS NULL THEN CREATE ROLE contrail_operate NOLOGIN; END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; -- somebody else was faster
END $$;
GRANT USAGE ON SCHEMA contrail TO contrail_operate;
GRANT SELECT ON contrail.migrations, contrail.store TO contrail_operate;
GRANT SELECT, INSERT, UPDATE ON contrail.relays TO contrail_operate;
GRANT SELECT, INSERT, UPDATE, DELETE ON contrail.parked, contrail.relay_processes TO contrail_operate;
GRANT SELECT, UPDATE ON contrail.projections TO contrail_operate;
GRANT SELECT, INSERT, UPDATE ON contrail.rebuilds TO contrail_operate;
GRANT SELECT, INSERT, UPDATE, DELETE ON contrail.delivery_events, contrail.deliveries, contrail.delivery_attempts, contrail.delivery_log,
  contrail.runs, contrail.run_leases, contrail.run_values, contrail.run_log, contrail.webhooks TO contrail_operate;
GRANT SELECT, INSERT, UPDATE ON contrail.audit TO contrail_operate; -- and nobody may delete
