package doctor

import (
	"context"
	"fmt"
)

// Catalog and statistics: an estimate, without reading a row.
const inboxSQL = `SELECT greatest(c.reltuples::bigint, coalesce(s.n_live_tup, 0), 0), pg_total_relation_size(c.oid)
	FROM pg_class c LEFT JOIN pg_stat_all_tables s ON s.relid = c.oid WHERE c.oid = 'contrail.inbox'::regclass`

func checkInbox(ctx context.Context, d *Doctor) ([]Finding, error) {
	var rows, size int64
	if err := d.pool.QueryRow(ctx, inboxSQL).Scan(&rows, &size); err != nil {
		return nil, fmt.Errorf("ask for the size of the inbox: %w", err)
	}
	with := values{"rows": rows, "bytes": size}
	if rows < d.config.Limits.InboxRows {
		return good(with, "the inbox has some %d rows", rows), nil
	}
	return []Finding{{
		Severity: Warning, What: fmt.Sprintf("the inbox has some %d rows, %s", rows, bytesText(size)), Values: with,
		Why: "rows that are older than the retention are folded by the subscribers: one does not run, keeps them for ever, or the retention is long",
		Do:  "see that each subscriber runs; set InboxRetention lower",
	}}, nil
}
