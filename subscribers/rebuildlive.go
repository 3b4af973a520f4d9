package subscribers

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

const (
	// Why a table can't be replaced, and the object ids of those that can, partitions included.
	liveSQL = `WITH live AS (SELECT name, to_regclass(name) AS oid FROM unnest($1::text[]) AS name)
		SELECT CASE
			WHEN c.oid IS NULL THEN 'does not exist'
			WHEN c.relkind NOT IN ('r', 'p') THEN 'is no table'
			WHEN c.relkind = 'r' AND EXISTS (SELECT FROM pg_inherits WHERE inhparent = c.oid) THEN 'has tables that inherit from it, whose rows would be deleted'
			WHEN row_security_active(c.oid) THEN 'has row security, which hides rows from this user'
			WHEN r.conrelid IS NOT NULL THEN 'is referred to by ' || r.conrelid::regclass || ', which is not in Tables: list it there, or drop its foreign key'
			ELSE ''
		END, ARRAY(SELECT c.oid::bigint WHERE c.oid IS NOT NULL UNION SELECT relid::oid::bigint FROM pg_partition_tree(c.oid) WHERE c.relkind = 'p'
			UNION SELECT o.oid::bigint FROM pg_class o WHERE o.relnamespace = c.relnamespace AND o.relkind = 'r')
		FROM live LEFT JOIN pg_class c ON c.oid = live.oid LEFT JOIN LATERAL (
			SELECT conrelid FROM pg_constraint WHERE contype = 'f' AND confrelid = c.oid AND conparentid = 0
				AND conrelid NOT IN (SELECT oid FROM live WHERE oid IS NOT NULL) AND NOT (condeferrable AND confdeltype = 'a') LIMIT 1) r ON true
		ORDER BY array_position($1::text[], live.name)`

	// How many rows the session has written to the tables that the server has not yet added to its statistics: it does that between transactions.
	writtenSQL = `SELECT coalesce(sum(pg_stat_get_xact_tuples_inserted(id::oid) + pg_stat_get_xact_tuples_updated(id::oid)
		+ pg_stat_get_xact_tuples_deleted(id::oid)), 0)::bigint FROM unnest($2::bigint[]) AS id`
)

// checkLive returns the tables' object ids, or an error that names each table that can't be replaced.
func checkLive(ctx context.Context, tx pgx.Tx, live tables) ([]int64, error) {
	if len(live) == 0 {
		return nil, misconfigured("it is not known which tables the read model has: set ProjectionConfig.Tables")
	}
	rows, _ := tx.Query(ctx, liveSQL, live.names()) // CollectRows returns its error
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[struct {
		Fault string
		IDs   []int64
	}])
	if err != nil {
		return nil, misfit("look up the read model's tables", err)
	}
	var ids []int64
	var faults []error
	for i, one := range found {
		if one.Fault != "" {
			faults = append(faults, fmt.Errorf("table %s %s", live[i], one.Fault))
		}
		ids = append(ids, one.IDs...)
	}
	if len(faults) > 0 {
		return nil, misconfigured("ProjectionConfig.Tables: %w", errors.Join(faults...))
	}
	return ids, nil
}
