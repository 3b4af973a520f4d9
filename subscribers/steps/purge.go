package steps

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/contrail-events/contrail/internal/sqltext"
)

// Retention says which runs [Purge] deletes: those that ended long ago and are narrowed down by what else is set.
type Retention struct {
	OlderThan time.Duration // ended at least so long ago; required, above zero
	Keys      []string      // only runs with these keys; none: any
	Workflow  string        // only runs of this workflow
	Tenant    string        // only runs of this tenant
	Statuses  []Status      // only runs that have ended like one of these; none: like any
	Batch     int           // runs in one statement, at most; default: 500
	Limit     int64         // at most so many, those that ended first; zero means no limit
}

const defaultPurge = 500

// Validate returns an error that names every faulty field at once.
func (r Retention) Validate() error {
	var faults []error
	fault := func(bad bool, format string, args ...any) {
		if bad {
			faults = append(faults, fmt.Errorf("steps.Retention: "+format, args...))
		}
	}
	fault(r.OlderThan <= 0, "OlderThan is %v, must be above zero", r.OlderThan)
	for _, status := range r.Statuses {
		fault(!status.Ended(), "Statuses has %q, which is none of %v", status, []Status{Finished, Failed, Cancelled})
	}
	for _, text := range append([]string{r.Workflow, r.Tenant}, r.Keys...) {
		fault(!sqltext.IsText(text), "%q must be UTF-8 without NUL", text)
	}
	fault(r.Batch < 0, "Batch is %d, must not be negative", r.Batch)
	fault(r.Limit < 0, "Limit is %d, must not be negative", r.Limit)
	return errors.Join(faults...)
}

// purgeSQL walks through the index runs_ended, and looks for who waits in runs_awaits. What others have locked is left for another time.
const purgeSQL = `WITH gone AS (
		DELETE FROM contrail.runs WHERE id IN (
			SELECT r.id FROM contrail.runs AS r WHERE r.ended_at < now() - make_interval(secs => $1)
				AND ($2::text[] IS NULL OR r.key = ANY ($2)) AND ($3 = '' OR r.workflow = $3) AND ($4 = '' OR r.tenant = $4)
				AND ($5::text[] IS NULL OR r.state = ANY ($5)) AND NOT EXISTS (SELECT FROM contrail.runs AS p
					WHERE p.awaits <> '{}' AND p.ended_at IS NULL AND p.awaits @> ARRAY[r.key])
			ORDER BY r.ended_at LIMIT $6 FOR UPDATE OF r SKIP LOCKED) RETURNING 1
	) SELECT count(*) FROM gone`

// Purge deletes runs that ended long ago, with their values and their log, and returns how many. A run that another one waits for stays until that one has
// gone on. With a run goes the memory that it was: begun again with the same key, it is performed again. So keep runs for longer than
// anybody may come with their keys.
//
// It deletes a batch in each statement; with a transaction as db, all of them are deleted with its commit. It may be interrupted, and run again.
func Purge(ctx context.Context, db Querier, retention Retention) (purged int64, err error) {
	if err := retention.Validate(); err != nil {
		return 0, fmt.Errorf("purge runs: %w", err)
	}
	size := int64(retention.Batch)
	if size == 0 {
		size = defaultPurge
	}
	for {
		if retention.Limit > 0 {
			size = min(size, retention.Limit-purged)
		}
		var batch int64
		err := db.QueryRow(ctx, purgeSQL, retention.OlderThan.Seconds(), orNil(retention.Keys), retention.Workflow, retention.Tenant,
			orNil(retention.Statuses), size).Scan(&batch)
		if err != nil {
			return purged, fmt.Errorf("purge runs: %w", err)
		}
		purged += batch
		if batch < size || purged == retention.Limit {
			return purged, nil
		}
	}
}

// orNil makes nothing of an empty list.
func orNil[T any](list []T) []T {
	if len(list) == 0 {
		return nil
	}
	return slices.Clip(list)
}
