package doctor

import (
	"context"
	"fmt"
)

// Shared memory, one row a connection. Walsenders and workers of the server do not count.
const connectionsSQL = `SELECT (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
	current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int`

func checkConnections(ctx context.Context, d *Doctor) ([]Finding, error) {
	var used, most int64
	if err := d.pool.QueryRow(ctx, connectionsSQL).Scan(&used, &most); err != nil {
		return nil, fmt.Errorf("count connections: %w", err)
	}
	with := values{"used": used, "max": most}
	severity := graded(float64(used)/float64(max(most, 1)), d.config.Limits.Full, full)
	if severity == OK {
		return good(with, "%d of %d connections are in use", used, most), nil
	}
	return []Finding{{
		Severity: severity, What: fmt.Sprintf("%d of %d connections are in use", used, most), Why: "a relay that takes over, or a service that starts, finds none",
		Do: "make the pools of services smaller, or raise max_connections", Values: with,
	}}, nil
}
