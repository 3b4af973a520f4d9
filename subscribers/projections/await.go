package projections

import (
	"context"
	"fmt"
	"time"
)

const (
	// lookInterval is how often Await looks.
	lookInterval = 100 * time.Millisecond
	// lookTimeout bounds one look. The last one may end after ctx, so that it can tell how things stand.
	lookTimeout = 5 * time.Second
)

// EndedError says that a rebuild is over, and that the read model is what it was.
type EndedError struct{ Rebuild RebuildStatus }

// Error says why.
func (e *EndedError) Error() string {
	if e.Rebuild.State == Cancelled {
		return fmt.Sprintf("projection %q was not rebuilt: %s", e.Rebuild.Projection, e.Rebuild.Error)
	}
	return fmt.Sprintf("projection %q could not be rebuilt: %s", e.Rebuild.Projection, e.Rebuild.Error)
}

// PendingError says that a rebuild is not over yet. It wraps the reason why nobody waits any longer: context.DeadlineExceeded, say.
type PendingError struct {
	Projection Projection // as it stands
	Err        error
}

// Error says what it waits for, if it waits.
func (e *PendingError) Error() string {
	p := e.Projection
	text := fmt.Sprintf("projection %q is not rebuilt yet: ", p.Name)
	switch {
	case p.PausedAt != nil:
		return text + "it is paused"
	case p.Active == nil:
		return text + "no process runs it"
	case p.Rebuild.State == Requested:
		return text + "the process that runs it has not begun"
	case p.Rebuild.Error != "":
		return text + "it is tried again after " + p.Rebuild.Error
	}
	return text + fmt.Sprintf("it is at position %d of %d", p.Rebuild.Position, p.Rebuild.Target)
}

// Unwrap returns why nobody waits any longer.
func (e *PendingError) Unwrap() error { return e.Err }

// Await returns when the rebuild that was asked for is done, and calls told, which may be nil, with how things stand until then, some ten times a second. The
// error is an [*EndedError] if it failed, was cancelled, or was begun anew by somebody else; or a [*PendingError] when ctx ends before that.
//
// db must be no transaction: what the process writes is to be seen.
func Await(ctx context.Context, db Querier, request RebuildStatus, told func(now Projection)) (RebuildStatus, error) {
	ticker := time.NewTicker(lookInterval)
	defer ticker.Stop()
	for {
		now, err := look(ctx, db, request)
		if err != nil {
			return request, err
		}
		if now.Rebuild.Over() {
			return ended(*now.Rebuild)
		}
		if told != nil {
			told(now)
		}
		if ctx.Err() != nil {
			return *now.Rebuild, &PendingError{Projection: now, Err: context.Cause(ctx)}
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
		}
	}
}

func ended(rebuild RebuildStatus) (RebuildStatus, error) {
	if rebuild.State == Done {
		return rebuild, nil
	}
	return rebuild, &EndedError{rebuild}
}

// look returns how the projection stands, with the very request: one that somebody has begun anew counts as cancelled.
func look(ctx context.Context, db Querier, request RebuildStatus) (Projection, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookTimeout)
	defer cancel()
	now, err := Get(ctx, db, request.Projection)
	if err != nil {
		return now, err
	}
	if now.Rebuild == nil || now.Rebuild.ID != request.ID {
		gone := request
		gone.State, gone.Error = Cancelled, "somebody else has asked for it anew"
		now.Rebuild = &gone
	}
	return now, nil
}
