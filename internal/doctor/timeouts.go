package doctor

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Nothing but catalogs: roles that may log in and append, and have no limit of their own, nor has the database, nor the server.
const unboundedSQL = `SELECT r.rolname::text FROM pg_roles r
	WHERE r.rolcanlogin AND NOT r.rolsuper AND has_table_privilege(r.oid, 'contrail.events', 'INSERT')
		AND (SELECT coalesce(boot_val, '0') = '0' AND setting = '0' FROM pg_settings WHERE name = 'idle_in_transaction_session_timeout')
		AND NOT EXISTS (
			SELECT FROM pg_db_role_setting s, unnest(s.setconfig) AS set
			WHERE s.setrole IN (0, r.oid) AND s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
				AND set LIKE 'idle\_in\_transaction\_session\_timeout=%' AND split_part(set, '=', 2) !~ '^0')
	ORDER BY 1 LIMIT 20`

func checkTimeouts(ctx context.Context, d *Doctor) ([]Finding, error) {
	rows, err := d.pool.Query(ctx, unboundedSQL)
	if err != nil {
		return nil, fmt.Errorf("look at the limits of who may append: %w", err)
	}
	roles, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("look at the limits of who may append: %w", err)
	}
	if len(roles) == 0 {
		return good(nil, "who may append is not idle in a transaction for ever"), nil
	}
	return []Finding{{
		Severity: Note, What: "no idle_in_transaction_session_timeout for " + strings.Join(roles, ", "), Values: values{"roles": roles},
		Why: "a program that hangs in a transaction that has appended holds back every event after it, until somebody ends it",
		Do:  "ALTER ROLE " + roles[0] + " SET idle_in_transaction_session_timeout = '30s'",
	}}, nil
}
