package doctor

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

const (
	// The sizes of the files, which takes as many system calls as there are.
	sizesSQL = `SELECT pg_database_size(current_database()), pg_total_relation_size('contrail.events')`

	// Shared memory, one row a slot. Slots belong to the whole cluster.
	slotsSQL = `SELECT slot_name::text, pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint FROM pg_replication_slots
		WHERE NOT active AND restart_lsn IS NOT NULL AND pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn) >= $1 ORDER BY 2 DESC LIMIT 20`
)

// slot is a replication slot that nobody reads.
type slot struct {
	Name     string
	Retained int64 // bytes
}

func checkDatabaseDisk(ctx context.Context, d *Doctor) ([]Finding, error) {
	var database, events int64
	if err := d.pool.QueryRow(ctx, sizesSQL).Scan(&database, &events); err != nil {
		return nil, fmt.Errorf("ask for the size of the database: %w", err)
	}
	with := values{"database_bytes": database, "events_bytes": events}
	var found []Finding
	if limit := d.config.Limits.DatabaseBytes; limit > 0 && database >= limit {
		found = append(found, Finding{
			Severity: graded(database, limit, limit+limit/10), What: fmt.Sprintf("the database has %s, of %s", bytesText(database), bytesText(limit)), Values: with,
			Why: "a full disk stops every append", Do: "give it more room; what may go is in contrail deliveries purge, contrail runs purge and contrail parked purge, never events",
		})
	}
	rows, err := d.pool.Query(ctx, slotsSQL, d.config.Limits.RetainedBytes)
	if err != nil {
		return found, fmt.Errorf("look at replication slots: %w", err)
	}
	slots, err := pgx.CollectRows(rows, pgx.RowToStructByPos[slot])
	if err != nil {
		return found, fmt.Errorf("look at replication slots: %w", err)
	}
	for _, slot := range slots {
		found = append(found, Finding{
			Severity: Warning, What: fmt.Sprintf("replication slot %s keeps %s of write-ahead log that nobody reads", slot.Name, bytesText(slot.Retained)),
			Why: "it fills the disk", Do: fmt.Sprintf("have its reader go on, or SELECT pg_drop_replication_slot('%s')", slot.Name),
			Values: values{"slot": slot.Name, "retained_bytes": slot.Retained},
		})
	}
	return orGood(found, with, "the database has %s, the events %s of them", bytesText(database), bytesText(events)), nil
}

// bytesText is a size for people.
func bytesText(n int64) string {
	const unit = 1024
	if n < unit {
		return fmt.Sprintf("%d bytes", n)
	}
	size, prefix := float64(n)/unit, 0
	for ; size >= unit && prefix < len("KMGTPE")-1; prefix++ {
		size /= unit
	}
	return fmt.Sprintf("%.1f %ciB", size, "KMGTPE"[prefix])
}
