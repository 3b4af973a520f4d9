package doctor

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// tableHealth is what the statistics tell of a table.
type tableHealth struct {
	Name       string
	Live, Dead int64
	Off        bool // its autovacuum
	Age        int64
}

const (
	// Catalogs and statistics, one row a table; the tables themselves are not touched.
	tablesSQL = `SELECT c.relname::text, coalesce(s.n_live_tup, 0), coalesce(s.n_dead_tup, 0),
			coalesce('autovacuum_enabled=false' = ANY (c.reloptions) OR 'autovacuum_enabled=off' = ANY (c.reloptions), false), age(c.relfrozenxid)::bigint
		FROM pg_class c LEFT JOIN pg_stat_all_tables s ON s.relid = c.oid
		WHERE c.relnamespace = 'contrail'::regnamespace AND c.relkind = 'r' ORDER BY 1`

	// Shared memory: who has an old snapshot, in this database.
	snapshotSQL = `SELECT coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)), 0)::float8, coalesce((array_agg(pid ORDER BY xact_start))[1], 0),
			coalesce((array_agg(application_name ORDER BY xact_start))[1], '')
		FROM pg_stat_activity WHERE backend_xmin IS NOT NULL AND datname = current_database() AND backend_type = 'client backend'`
)

// From these ages on, in transactions, a table should have been frozen; PostgreSQL stops at some two thousand million.
const (
	oldTable    = 600_000_000
	ancientOnes = 1_500_000_000
)

func checkVacuum(ctx context.Context, d *Doctor) ([]Finding, error) {
	rows, err := d.pool.Query(ctx, tablesSQL)
	if err != nil {
		return nil, fmt.Errorf("look at the tables: %w", err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowToStructByPos[tableHealth])
	if err != nil {
		return nil, fmt.Errorf("look at the tables: %w", err)
	}
	var on bool
	if err := d.pool.QueryRow(ctx, `SELECT current_setting('autovacuum')::boolean`).Scan(&on); err != nil {
		return nil, fmt.Errorf("look whether autovacuum is on: %w", err)
	}
	var found []Finding
	if !on {
		found = append(found, Finding{
			Severity: Warning, What: "autovacuum is off", Why: "tables that change all the time grow without end, and transaction ids run out", Do: "set autovacuum to on",
		})
	}
	for _, table := range tables {
		found = append(found, table.findings(d.config.Limits.DeadRows)...)
	}
	old, err := d.oldSnapshot(ctx)
	return orGood(append(found, old...), values{"tables": len(tables)}, "dead rows are cleared away"), err
}

func (t tableHealth) findings(dead int64) []Finding {
	with := values{"table": t.Name, "live": t.Live, "dead": t.Dead, "age": t.Age}
	name := "contrail." + t.Name
	var found []Finding
	if t.Off {
		found = append(found, Finding{
			Severity: Warning, What: "autovacuum is off for " + name, Why: "the table grows without end", Do: "ALTER TABLE " + name + " RESET (autovacuum_enabled)", Values: with,
		})
	}
	if t.Dead > dead && t.Dead > t.Live {
		found = append(found, Finding{
			Severity: Warning, What: fmt.Sprintf("%s has %d dead rows beside %d live ones", name, t.Dead, t.Live), Why: "vacuum does not keep up, and every look-up reads them",
			Do: "VACUUM " + name + ", and look for transactions that stay open", Values: with,
		})
	}
	if severity := graded(t.Age, oldTable, ancientOnes); severity != OK {
		found = append(found, Finding{
			Severity: severity, What: fmt.Sprintf("%s was not frozen for %d transactions", name, t.Age), Why: "PostgreSQL stops taking writes when transaction ids run out",
			Do: "VACUUM (FREEZE) " + name + ", and look why autovacuum does not", Values: with,
		})
	}
	return found
}

func (d *Doctor) oldSnapshot(ctx context.Context) ([]Finding, error) {
	var seconds float64
	var pid int64
	var name string
	if err := d.pool.QueryRow(ctx, snapshotSQL).Scan(&seconds, &pid, &name); err != nil {
		return nil, fmt.Errorf("look for old snapshots: %w", err)
	}
	age := time.Duration(seconds * float64(time.Second))
	if age < d.config.Limits.Snapshot {
		return nil, nil
	}
	return []Finding{{
		Severity: Warning, What: fmt.Sprintf("process %d (%s) has a transaction open for %s", pid, name, age.Round(time.Second)),
		Why: "no row that died since can be cleared away; relays are not held up, unless it has appended",
		Do:  fmt.Sprintf("have it end; SELECT pg_terminate_backend(%d) does", pid), Values: values{"pid": pid, "application_name": name, "seconds": seconds},
	}}, nil
}
