package deliveries

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Stat is how many deliveries stand alike.
type Stat struct {
	Consumer   string    `json:"consumer"`
	Channel    string    `json:"channel"`
	State      State     `json:"state"`
	Standing   Standing  `json:"standing"`
	Reason     Reason    `json:"reason"`
	Deliveries int64     `json:"deliveries"`
	Since      time.Time `json:"since"` // since when the first of them stands so, in UTC; of those that are due: since when it is due
}

// It reads all that the filter selects.
const statsSQL = `SELECT d.consumer, d.channel, d.state, ` + standingSQL + `, d.reason, count(*),
	min(CASE ` + standingSQL + ` WHEN 'due' THEN d.due_at ELSE d.changed_at END)` + recordJoined

const statsOrder = ` GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5`

// Stats counts the deliveries that the filter selects, but for its After, OldestFirst and Limit. They are in the order of consumers,
// channels, states, standings and reasons.
func Stats(ctx context.Context, db Querier, filter Filter) ([]Stat, error) {
	if err := filter.Validate(); err != nil {
		return nil, fmt.Errorf("count deliveries: %w", err)
	}
	where := filter.where()
	rows, err := db.Query(ctx, statsSQL+where.String()+statsOrder, where.Args...)
	if err != nil {
		return nil, fmt.Errorf("count deliveries: %w", err)
	}
	stats, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (s Stat, err error) {
		err = row.Scan(&s.Consumer, &s.Channel, &s.State, &s.Standing, &s.Reason, &s.Deliveries, &s.Since)
		s.Since = s.Since.UTC()
		return s, err //nolint:wrapcheck // see below
	})
	if err != nil {
		return nil, fmt.Errorf("count deliveries: %w", err)
	}
	return stats, nil
}
