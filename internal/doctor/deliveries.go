package doctor

import (
	"context"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"
)

// mostCounted is how far what waits for a person is counted.
const mostCounted = 10_000

const (
	// Consumer after consumer by the index deliveries_list (consumer, state, id), so that only failed ones are read: at most so many of each.
	heldSQL = `WITH RECURSIVE consumers AS (
			(SELECT consumer FROM contrail.deliveries ORDER BY consumer LIMIT 1)
			UNION ALL
			SELECT (SELECT d.consumer FROM contrail.deliveries d WHERE d.consumer > c.consumer ORDER BY d.consumer LIMIT 1) FROM consumers c WHERE c.consumer IS NOT NULL
		)
		SELECT c.consumer, h.held, h.failed FROM consumers c, LATERAL (
			SELECT count(*) FILTER (WHERE due_at IS NULL) AS held, count(*) AS failed FROM (
				SELECT due_at FROM contrail.deliveries d WHERE d.consumer = c.consumer AND d.state = 'failed' ORDER BY d.id LIMIT $1
			) failed
		) h WHERE c.consumer IS NOT NULL AND (h.held > 0 OR h.failed >= $1)`

	// By the index delivery_attempts_open.
	stuckSQL = `SELECT count(*) FROM (
		SELECT FROM contrail.delivery_attempts WHERE outcome = 'started' AND lease_until < clock_timestamp() - interval '5 minutes' LIMIT $1) stuck`
)

func checkDeliveries(ctx context.Context, d *Doctor) ([]Finding, error) {
	rows, _ := d.pool.Query(ctx, heldSQL, mostCounted) //nolint:rowserrcheck // ForEachRow does, and tells of Query's error, too
	var found []Finding
	var consumer string
	var held, failed, stuck int64
	if _, err := pgx.ForEachRow(rows, []any{&consumer, &held, &failed}, func() error {
		found = append(found, heldFinding(consumer, held, failed))
		return nil
	}); err != nil {
		return nil, fmt.Errorf("count deliveries that are held: %w", err)
	}
	if err := d.pool.QueryRow(ctx, stuckSQL, mostCounted).Scan(&stuck); err != nil {
		return found, fmt.Errorf("count attempts that nobody completes: %w", err)
	}
	if stuck > 0 {
		found = append(found, Finding{
			Severity: Warning, What: atMost(stuck) + " attempts are under way that nobody completes", Why: "their processes have died, and none of their consumer runs to settle them",
			Do: "start the consumer, or contrail deliveries recover", Values: values{"stuck": stuck},
		})
	}
	return orGood(found, nil, "no delivery waits for a person"), nil
}

// heldFinding is about a consumer of which so many deliveries are held, of the failed ones that were looked at.
func heldFinding(consumer string, held, failed int64) Finding {
	what := fmt.Sprintf("%d deliveries of %s are held for a person", held, consumer)
	if failed >= mostCounted {
		what = fmt.Sprintf("%d deliveries of %s or more have failed, and %d of these are held for a person", failed, consumer, held)
	}
	return Finding{
		Severity: Warning, What: what, Why: "nobody knows whether they have reached their recipients, or what else to do about them",
		Do: "contrail deliveries list --held --consumer " + consumer + ", then redrive or cancel", Values: values{"consumer": consumer, "held": held, "failed": failed},
	}
}

// atMost is a number that was not counted further.
func atMost(n int64) string {
	if n >= mostCounted {
		return fmt.Sprintf("%d or more", mostCounted)
	}
	return strconv.FormatInt(n, 10)
}
