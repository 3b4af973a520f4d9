package doctor

import (
	"context"
	"fmt"
)

// No table is read.
const standbySQL = `SELECT pg_is_in_recovery(), current_setting('transaction_read_only')::boolean`

func checkStandby(ctx context.Context, d *Doctor) ([]Finding, error) {
	var standby, readOnly bool
	if err := d.pool.QueryRow(ctx, standbySQL).Scan(&standby, &readOnly); err != nil {
		return nil, fmt.Errorf("ask whether this is the primary: %w", err)
	}
	with := values{"standby": standby, "read_only": readOnly}
	switch {
	case standby:
		return []Finding{{
			Severity: Danger, What: "this PostgreSQL is a standby", Why: "only the primary knows what is settled: a relay refuses to read here, and nobody appends",
			Do: "connect to the primary", Values: with,
		}}, nil
	case readOnly:
		return []Finding{{
			Severity: Danger, What: "transactions only read (default_transaction_read_only)", Why: "nobody appends, and a relay can't write where it is",
			Do: "set default_transaction_read_only to off for the database and for this role", Values: with,
		}}, nil
	}
	return good(with, "this is the primary"), nil
}
