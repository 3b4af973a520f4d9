package doctor

import (
	"context"
	"fmt"
)

// What is set for this role in this database. No table is read.
const durabilitySQL = `SELECT current_setting('fsync'), current_setting('full_page_writes'), current_setting('synchronous_commit'),
	current_setting('default_transaction_isolation')`

func checkDurability(ctx context.Context, d *Doctor) ([]Finding, error) {
	var fsync, pages, commit, isolation string
	if err := d.pool.QueryRow(ctx, durabilitySQL).Scan(&fsync, &pages, &commit, &isolation); err != nil {
		return nil, fmt.Errorf("read the settings of durability: %w", err)
	}
	with := values{"fsync": fsync, "full_page_writes": pages, "synchronous_commit": commit, "default_transaction_isolation": isolation}
	var found []Finding
	if fsync == "off" {
		found = append(found, Finding{
			Severity: Danger, What: "fsync is off", Why: "a crash of the machine can damage the database, which all else is repaired from", Do: "set fsync to on", Values: with,
		})
	}
	if pages == "off" {
		found = append(found, Finding{
			Severity: Danger, What: "full_page_writes is off", Why: "a crash of the machine can leave torn pages behind", Do: "set full_page_writes to on", Values: with,
		})
	}
	if commit == "off" {
		found = append(found, Finding{
			Severity: Warning, What: "synchronous_commit is off", Do: "set synchronous_commit to on for the roles that append", Values: with,
			Why: "a crash can take back a commit that was told, and an event that the stream has by then: the relay stops then",
		})
	}
	if isolation != "read committed" {
		found = append(found, Finding{
			Severity: Warning, What: "default_transaction_isolation is " + isolation, Do: "set it to read committed for the database and for this role", Values: with,
			Why: "the inbox refuses to work above READ COMMITTED, and a reader of events that takes the horizon in its own snapshot loses some",
		})
	}
	return orGood(found, with, "what is committed outlives a crash"), nil
}
