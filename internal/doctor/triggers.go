package doctor

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

// guards are the triggers that every append and every change of events passes.
func guards() []string { return []string{"events_promise", "events_append_only"} }

// Some rows of the catalog, by its index on tgrelid; everybody may read them. Enabled is A for ALWAYS.
const triggersSQL = `SELECT t.tgname::text, t.tgenabled::text FROM pg_trigger t
	WHERE t.tgrelid = 'contrail.events'::regclass AND t.tgname = ANY ($1::text[])`

func checkTriggers(ctx context.Context, d *Doctor) ([]Finding, error) {
	rows, _ := d.pool.Query(ctx, triggersSQL, guards()) //nolint:rowserrcheck // ForEachRow does, and tells of Query's error, too
	enabled := map[string]string{}
	var name, how string
	if _, err := pgx.ForEachRow(rows, []any{&name, &how}, func() error { enabled[name] = how; return nil }); err != nil {
		return nil, fmt.Errorf("look at the triggers of contrail.events: %w", err)
	}
	var found []Finding
	for i, guard := range guards() {
		why := []string{
			"whoever appends no longer promises it, so the horizon passes events that are not committed yet, and they are never relayed",
			"events can be changed and deleted, behind the back of all who have read them",
		}[i]
		finding := Finding{Severity: Danger, Why: why, Values: values{"trigger": guard, "enabled": enabled[guard]}}
		switch how, there := enabled[guard]; {
		case !there:
			finding.What, finding.Do = "trigger "+guard+" is missing", "create it as migration 1 does, then run contrail verify"
		case how == "D":
			finding.What, finding.Do = "trigger "+guard+" is disabled", "ALTER TABLE contrail.events ENABLE ALWAYS TRIGGER "+guard+", then run contrail verify"
		case how != "A":
			finding.What = "trigger " + guard + " does not fire in every session (session_replication_role)"
			finding.Do = "ALTER TABLE contrail.events ENABLE ALWAYS TRIGGER " + guard
		default:
			continue
		}
		found = append(found, finding)
	}
	return orGood(found, values{"triggers": slices.Sorted(slices.Values(guards()))}, "both triggers on contrail.events are enabled"), nil
}
