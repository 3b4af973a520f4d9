-- contrail_read: reads events, verifies, and tells how far everybody is. What is encrypted it sees as it is stored; a reader that holds the
-- key-encryption key needs SELECT on contrail.keys as well, by a grant of your own.
DO $$ BEGIN
  IF to_regrole('contrail_read') IS NULL THEN CREATE ROLE contrail_read NOLOGIN; END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; -- somebody else was faster
END $$;
GRANT USAGE ON SCHEMA contrail TO contrail_read;
GRANT SELECT ON contrail.events, contrail.events_position_seq, contrail.store, contrail.migrations, contrail.relays, contrail.parked, contrail.relay_processes,
  contrail.projections, contrail.rebuilds TO contrail_read;
GRANT SELECT ON contrail.delivery_events, contrail.deliveries, contrail.delivery_attempts, contrail.delivery_log, contrail.runs, contrail.run_leases, contrail.run_values,
  contrail.run_log TO contrail_read;
GRANT SELECT (id, consumer, tenant, url, description, categories, types, former_until, secret_hint, concurrency, timeout, max_attempts, private, state,
  reason, disabled_at, failures, failing_since, opened_at, probe_at, last_error, last_success_at, held_by, held_until, token, created_at, created_by,
  changed_at, changed_by)
  ON contrail.webhooks TO contrail_read; -- without the secrets
GRANT SELECT ON contrail.inbox, contrail.audit TO contrail_read; -- which events have taken effect when, and what people have done
