package projections

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/contrail-events/contrail"
)

// RebuildState is how far a rebuild is.
type RebuildState string

// The states.
const (
	Requested RebuildState = "requested" // no process has begun
	Running   RebuildState = "running"   // a process builds the read model anew, or is to go on with it
	Done      RebuildState = "done"      // the read model is replaced
	Failed    RebuildState = "failed"    // for good; the read model is what it was
	Cancelled RebuildState = "cancelled" // by a person; the read model is what it was
)

// RebuildStatus is a request to build a read model anew, and what has become of it.
type RebuildStatus struct {
	Projection  string            `json:"projection"`
	ID          uuid.UUID         `json:"id"`
	State       RebuildState      `json:"state"`
	RequestedBy string            `json:"requested_by"`
	Because     string            `json:"because"`
	RequestedAt time.Time         `json:"requested_at"`
	StartedAt   *time.Time        `json:"started_at"` // nil: no process has begun
	UpdatedAt   time.Time         `json:"updated_at"`
	FinishedAt  *time.Time        `json:"finished_at"` // nil: it is not over, or the active process has yet to clear away what was begun
	Position    contrail.Position `json:"position"`    // it has come so far
	Target      contrail.Position `json:"target"`      // of so far, which moves on while the projection does
	Events      int64             `json:"events"`      // that the handler was given
	Error       string            `json:"error"`       // why it failed, who cancelled it, or what it is tried again for
}

// Over tells whether nothing more will come of it.
func (r RebuildStatus) Over() bool { return r.State != Requested && r.State != Running }

// RunningError says that a rebuild is under way, or was asked for.
type RunningError struct{ Rebuild RebuildStatus }

// Error says who asked for it, and what can be done.
func (e *RunningError) Error() string {
	return fmt.Sprintf("projection %q is being rebuilt already, as %s has asked for at %s: wait for it, cancel it, or begin anew",
		e.Rebuild.Projection, e.Rebuild.RequestedBy, e.Rebuild.RequestedAt.UTC().Format(time.RFC3339))
}

// ErrNotRunning says that there is nothing to cancel.
var ErrNotRunning = errors.New("it is not being rebuilt")

const (
	rebuildColumns = `coalesce(r.projection, ''), coalesce(r.id, '00000000-0000-0000-0000-000000000000'), coalesce(r.state, ''),
		coalesce(r.requested_by, ''), coalesce(r.because, ''), coalesce(r.requested_at, 'epoch'), r.started_at, coalesce(r.updated_at, 'epoch'),
		r.finished_at, coalesce(r.position, 0), coalesce(r.target, 0), coalesce(r.events, 0), coalesce(r.error, '')`

	// One row; waits for the rebuild's batch that has it locked. One that was cancelled may have left tables behind, which whoever begins anew replaces.
	requestSQL = `INSERT INTO contrail.rebuilds AS r (projection, requested_by, because) VALUES ($1, $2, $3)
		ON CONFLICT (projection) DO UPDATE SET id = excluded.id, state = excluded.state, requested_by = excluded.requested_by,
			because = excluded.because, requested_at = clock_timestamp(), started_at = NULL, updated_at = clock_timestamp(), finished_at = NULL,
			position = 0, target = 0, events = 0, error = ''
		WHERE $4::boolean OR r.state NOT IN ('requested', 'running')
		RETURNING ` + rebuildColumns

	// Likewise. The active process drops the tables, and writes down that it is over.
	cancelSQL = `UPDATE contrail.rebuilds r SET state = 'cancelled', error = 'cancelled by ' || $2::text, updated_at = clock_timestamp()
		WHERE projection = $1 AND state IN ('requested', 'running') RETURNING ` + rebuildColumns
)

// targetsOf are what rebuildColumns are scanned into.
func targetsOf(r *RebuildStatus) []any {
	return []any{
		&r.Projection, &r.ID, &r.State, &r.RequestedBy, &r.Because, &r.RequestedAt, &r.StartedAt, &r.UpdatedAt, &r.FinishedAt,
		&r.Position, &r.Target, &r.Events, &r.Error,
	}
}

// Rebuild asks for a projection's read model to be built anew from the event store. The error is a [*RunningError] if that is under way, and wraps
// [ErrNotFound].
func Rebuild(ctx context.Context, db Querier, name string, order Order) (RebuildStatus, error) {
	return request(ctx, db, name, order, false)
}

// Restart is [Rebuild], but if a rebuild is under way, that begins anew.
func Restart(ctx context.Context, db Querier, name string, order Order) (RebuildStatus, error) {
	return request(ctx, db, name, order, true)
}

func request(ctx context.Context, db Querier, name string, order Order, anew bool) (asked RebuildStatus, err error) {
	err = db.QueryRow(ctx, requestSQL, name, order.By, order.Because, anew).Scan(targetsOf(&asked)...)
	refusal, refused := errors.AsType[*pgconn.PgError](err)
	switch {
	case err == nil:
		return asked, nil
	case errors.Is(err, pgx.ErrNoRows):
		now, err := Get(ctx, db, name)
		if err == nil && now.Rebuild != nil {
			err = &RunningError{*now.Rebuild}
		}
		return asked, err
	case refused && refusal.Code == "23503": // its row is missing
		err = ErrNotFound
	}
	return asked, fmt.Errorf("rebuild projection %q: %w", name, err)
}

// Cancel takes the request back. The read model stays what it was, also when it returns at the last moment: what has been replaced by then is [ErrNotRunning].
// What was begun is cleared away by the active process.
func Cancel(ctx context.Context, db Querier, name, by string) (RebuildStatus, error) {
	var cancelled RebuildStatus
	err := db.QueryRow(ctx, cancelSQL, name, by).Scan(targetsOf(&cancelled)...)
	if errors.Is(err, pgx.ErrNoRows) {
		if _, err = Get(ctx, db, name); err == nil {
			err = ErrNotRunning
		} else {
			return cancelled, err
		}
	}
	if err != nil {
		return cancelled, fmt.Errorf("cancel the rebuild of projection %q: %w", name, err)
	}
	return cancelled, nil
}
