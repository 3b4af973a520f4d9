package picture

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// eachConsumer walks the consumers of the inbox through its primary key (consumer, position), one step a consumer.
const eachConsumer = `WITH RECURSIVE consumers AS (
		(SELECT consumer FROM contrail.inbox ORDER BY consumer LIMIT 1)
		UNION ALL
		SELECT (SELECT i.consumer FROM contrail.inbox i WHERE i.consumer > c.consumer ORDER BY i.consumer LIMIT 1) FROM consumers c WHERE c.consumer IS NOT NULL
	) `

const (
	// At most so many rows of each consumer, in the index alone; the estimate is that of the last ANALYZE.
	inboxSQL = eachConsumer + `SELECT c.consumer, counted.rows, coalesce((
			SELECT (s.most_common_freqs[array_position(s.most_common_vals::text::text[], c.consumer)] * greatest(t.reltuples, 0))::bigint
			FROM pg_stats s, pg_class t WHERE s.schemaname = 'contrail' AND s.tablename = 'inbox' AND s.attname = 'consumer' AND t.oid = 'contrail.inbox'::regclass
		), 0)
		FROM consumers c, LATERAL (SELECT count(*) AS rows FROM (SELECT FROM contrail.inbox i WHERE i.consumer = c.consumer LIMIT $1) few) counted
		WHERE c.consumer IS NOT NULL`

	// The last 200 rows of each consumer, and each event by its primary key.
	handledSQL = eachConsumer + `SELECT c.consumer, p.took[1], p.took[2], p.took[3], p.took[4] FROM consumers c, LATERAL (
			SELECT percentile_cont(ARRAY[0.5, 0.9, 0.99, 1]) WITHIN GROUP (ORDER BY greatest(extract(epoch FROM i.handled_at - e.recorded_at), 0)::float8) AS took
			FROM (SELECT position, handled_at FROM contrail.inbox i WHERE i.consumer = c.consumer AND i.dead IS NULL ORDER BY position DESC LIMIT 200) i
			JOIN contrail.events e USING (position)
		) p WHERE c.consumer IS NOT NULL AND p.took IS NOT NULL`
)

// countedRows is how far the rows of a consumer are counted.
const countedRows = 10_000

func (r *Reader) readInbox(ctx context.Context, to *Picture) (err error) {
	to.InboxRows, err = r.inbox.get(ctx, r.config.Limits.Recount, r.countInbox)
	return err
}

func (r *Reader) countInbox(ctx context.Context) (map[string]int64, error) {
	rows, _ := r.pool.Query(ctx, inboxSQL, countedRows) //nolint:rowserrcheck // ForEachRow does, and tells of Query's error, too
	counts := map[string]int64{}
	var consumer string
	var counted, estimated int64
	if _, err := pgx.ForEachRow(rows, []any{&consumer, &counted, &estimated}, func() error {
		if counted == countedRows {
			counted = max(counted, estimated)
		}
		counts[consumer] = counted
		return nil
	}); err != nil {
		return nil, fmt.Errorf("count the inbox: %w", err)
	}
	return counts, nil
}

func (r *Reader) readHandling(ctx context.Context, to *Picture) (err error) {
	to.Latency.Handle, err = r.handled.get(ctx, r.config.Limits.Recount, r.readHandled)
	return err
}

func (r *Reader) readHandled(ctx context.Context) (map[string]Percentiles, error) {
	rows, _ := r.pool.Query(ctx, handledSQL) //nolint:rowserrcheck // ForEachRow does, and tells of Query's error, too
	took := map[string]Percentiles{}
	var consumer string
	var one Percentiles
	if _, err := pgx.ForEachRow(rows, []any{&consumer, &one.P50, &one.P90, &one.P99, &one.Max}, func() error {
		took[consumer] = one
		return nil
	}); err != nil {
		return nil, fmt.Errorf("read how long consumers take: %w", err)
	}
	return took, nil
}
