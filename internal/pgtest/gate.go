package pgtest

import "fmt"

// The gate is an advisory lock in the test's own database. The session that has shut it opens it, or ends.
const (
	ShutGateSQL = `SELECT pg_advisory_lock(7001)`
	OpenGateSQL = `SELECT pg_advisory_unlock(7001)`

	// AtGateSQL tells whether somebody waits at the gate.
	AtGateSQL = `SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = 7001 AND NOT granted
		AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))`
)

// GateHorizon is SQL that makes contrail.horizon() wait while the gate is shut, the n-th time that it is called, whoever calls it and in
// whatever statement: a reader is held up between its snapshot and its horizon.
func GateHorizon(call int) string {
	return fmt.Sprintf(`
		CREATE SEQUENCE horizon_calls;
		ALTER FUNCTION contrail.horizon() RENAME TO ungated_horizon;
		CREATE FUNCTION contrail.horizon() RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
		BEGIN
			IF nextval('horizon_calls') = %d THEN
				PERFORM pg_advisory_xact_lock_shared(7001);
			END IF;
			RETURN contrail.ungated_horizon();
		END $$`, call)
}
