package dashboard

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/contrail-events/contrail/internal/audit"
	"github.com/contrail-events/contrail/subscribers/projections"
)

// projectionView is one projection.
type projectionView struct{ projectionLine }

// Title is the page's.
func (v projectionView) Title() string { return "Projection " + v.Name }

// Rebuilding tells whether its read model is being built anew, or is to be.
func (v projectionView) Rebuilding() bool { return v.Rebuild != nil && !v.Rebuild.Over() }

// Progress is how much of a rebuild is done, from 0 to 1.
func (v projectionView) Progress() float64 {
	if v.Rebuild == nil || v.Rebuild.Target < 1 {
		return 0
	}
	return min(1, float64(v.Rebuild.Position)/float64(v.Rebuild.Target))
}

// Hindrance is why a rebuild does not go on; "": it does.
func (v projectionView) Hindrance() string {
	switch {
	case !v.Rebuilding():
		return ""
	case v.PausedAt != nil:
		return "It waits, since the projection is paused: resume it."
	case v.Active == nil:
		return "It waits for a process that runs the projection: start one."
	case v.Rebuild.Error != "":
		return "It is tried again after: " + v.Rebuild.Error
	}
	return ""
}

// Advice is what to do about it; "" where nothing is wrong.
func (v projectionView) Advice() string {
	switch {
	case v.PausedAt != nil:
		return "Its read model does not change until somebody resumes it; what is published meanwhile waits in the stream."
	case v.Active == nil:
		return "No process runs it, so its read model does not change. Start the program that it belongs to."
	case v.Rebuild != nil && v.Rebuild.State == projections.Failed:
		return "The last rebuild has failed, and the read model is what it was. Do away with the cause, and rebuild it again."
	}
	return ""
}

// Runs is the process that is active, as far as the database tells this user.
func (v projectionView) Runs() string {
	switch {
	case v.Active == nil:
		return "nobody"
	case v.Active.Application == "" && v.Active.Address == "":
		return fmt.Sprintf("session %d", v.Active.PID)
	case v.Active.Application == "":
		return fmt.Sprintf("session %d at %s", v.Active.PID, v.Active.Address)
	case v.Active.Address == "":
		return v.Active.Application
	}
	return v.Active.Application + " at " + v.Active.Address
}

func (d *Dashboard) readProjection(ctx context.Context, r *request) (any, error) {
	one, err := projections.Get(ctx, d.pool, r.path("name"))
	if err != nil {
		return nil, errProjection(err, r.path("name"))
	}
	return projectionView{d.projectionLine(ctx, one)}, nil
}

// errProjection says that a projection is not there in the words of the dashboard.
func errProjection(err error, name string) error {
	if errors.Is(err, projections.ErrNotFound) {
		return errNotFound("projection " + name)
	}
	return err
}

// pauseTime is how long a pause waits for the batch that is under way, or for the replacement of the read model.
const pauseTime = 20 * time.Second

func (d *Dashboard) pauseProjection(ctx context.Context, r *request) ([]audit.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, pauseTime)
	defer cancel()
	name := r.path("name")
	paused, err := projections.Pause(ctx, d.pool, name, projections.Order{By: r.by(), Because: r.reason()})
	if errors.Is(err, context.DeadlineExceeded) {
		return nil, fmt.Errorf("the batch that is under way has not ended within %s, so projection %s is not paused; try again: %w", pauseTime, name, err)
	}
	if err != nil {
		return nil, errProjection(err, name)
	}
	return oneDone("projection "+name, fmt.Sprintf("is paused since %s by %s: its read model changes no more", paused.At.UTC().Format(time.RFC3339), paused.By)), nil
}

func (d *Dashboard) resumeProjection(ctx context.Context, r *request) ([]audit.Result, error) {
	name := r.path("name")
	if err := projections.Resume(ctx, d.pool, name); err != nil {
		return nil, errProjection(err, name)
	}
	now, err := projections.Get(ctx, d.pool, name)
	if err != nil {
		return nil, errProjection(err, name)
	}
	text := "is resumed; no process runs it: start one"
	if now.Active != nil {
		text = "is resumed: it goes on within a second or so"
	}
	return oneDone("projection "+name, text), nil
}

// rebuildProjection asks for it: the process that is active for the projection does it, and the projection's page shows how far it is.
func (d *Dashboard) rebuildProjection(ctx context.Context, r *request) ([]audit.Result, error) {
	name, order := r.path("name"), projections.Order{By: r.by(), Because: r.reason()}
	ask := projections.Rebuild
	if r.form("restart") != "" {
		ask = projections.Restart
	}
	asked, err := ask(ctx, d.pool, name, order)
	if running, is := errors.AsType[*projections.RunningError](err); is {
		return oneRefused("projection "+name, running.Error()), nil
	}
	if err != nil {
		return nil, errProjection(err, name)
	}
	now, err := projections.Get(ctx, d.pool, name)
	if err != nil {
		return nil, errProjection(err, name)
	}
	text := fmt.Sprintf("its rebuild %s is asked for; the projection's page shows how far it is", asked.ID)
	if hindrance := (projectionView{projectionLine{Projection: now}}).Hindrance(); hindrance != "" {
		text += ". " + hindrance
	}
	return []audit.Result{{What: "projection " + name, Outcome: audit.Pending, Detail: text}}, nil
}

func (d *Dashboard) cancelRebuild(ctx context.Context, r *request) ([]audit.Result, error) {
	name := r.path("name")
	_, err := projections.Cancel(ctx, d.pool, name, r.by())
	if errors.Is(err, projections.ErrNotRunning) {
		return oneRefused("projection "+name, "it is not being rebuilt: the read model may have been replaced a moment ago"), nil
	}
	if err != nil {
		return nil, errProjection(err, name)
	}
	return oneDone("projection "+name, "its rebuild is cancelled; the read model stays what it was"), nil
}
