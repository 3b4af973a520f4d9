package steps

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Group is what [Count] counts by.
type Group struct {
	Workflow string `json:"workflow"`
	Status   Status `json:"state"`
}

const countSQL = `SELECT r.workflow, r.state, count(*) FROM contrail.runs AS r WHERE r.state = ANY ($1)` + selected + ` GROUP BY r.workflow, r.state`

// Count returns how many runs of each workflow stand how, of those that the filter selects; its Before and Limit are of no account. It reads all of
// them.
func Count(ctx context.Context, db Querier, filter Filter) (map[Group]int64, error) {
	filter.Before, filter.Limit = "", 0
	l := listing{filter: filter}
	if err := l.begin(ctx, db); err != nil {
		return nil, fmt.Errorf("count runs: %w", err)
	}
	rows, _ := db.Query(ctx, countSQL, l.filter.args()...) //nolint:rowserrcheck // ForEachRow does, and tells of Query's error, too
	counts := map[Group]int64{}
	var group Group
	var runs int64
	if _, err := pgx.ForEachRow(rows, []any{&group.Workflow, &group.Status, &runs}, func() error {
		counts[group] = runs
		return nil
	}); err != nil {
		return nil, fmt.Errorf("count runs: %w", err)
	}
	return counts, nil
}
