package dashboard

import (
	"context"

	"github.com/contrail-events/contrail/internal/audit"
	"github.com/contrail-events/contrail/subscribers/steps"
)

// runActions are what can be decided about runs.
func (d *Dashboard) runActions() []action {
	run := func(r *request) string { return "run " + r.path("run") }
	return []action{
		{pattern: "/runs/{run}/retry", name: "run.retry", target: run, do: d.decideRun(steps.Retry)},
		{pattern: "/runs/{run}/cancel", name: "run.cancel", target: run, do: d.decideRun(steps.Cancel)},
		{pattern: "/runs/{run}/abandon", name: "run.abandon", target: run, do: d.decideRun(steps.Abandon)},
	}
}

// decideRunFunc is one of package steps' decisions about one run.
type decideRunFunc func(ctx context.Context, db steps.Beginner, key string, order steps.Order) (steps.Outcome, error)

func (d *Dashboard) decideRun(do decideRunFunc) func(ctx context.Context, r *request) ([]audit.Result, error) {
	return func(ctx context.Context, r *request) ([]audit.Result, error) {
		if r.reason() == "" {
			return nil, errBadInput("no reason is given; say why: it is kept in the run's log")
		}
		key, err := d.runKey(ctx, r.path("run"))
		if err != nil {
			return nil, err
		}
		told, err := do(ctx, d.pool, key, steps.Order{By: r.by(), Because: r.reason()})
		if err != nil {
			return nil, errRun(err, r.path("run"))
		}
		if told.Done {
			return oneDone("run "+key, "run "+key+" "+told.Text), nil
		}
		return oneRefused("run "+key, "run "+key+" "+told.Text), nil
	}
}
