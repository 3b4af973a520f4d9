package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/contrail-events/contrail/subscribers/steps"
)

// runsPurgeVerb purges runs.
type runsPurgeVerb struct {
	Keys      []string `arg:"" optional:"" name:"run" help:"Which, by their keys; none: all that are old enough and selected."`
	Workflow  string   `placeholder:"WORKFLOW" help:"Runs of this workflow."`
	Tenant    string   `placeholder:"ID" help:"Runs of this tenant."`
	State     []string `env:"-" enum:"finished,failed,cancelled" placeholder:"STATE" help:"Runs that have ended like this, one of ${enum}; may be given several times."`
	OlderThan string   `default:"30d" placeholder:"TIME" help:"How long ago they ended, at least, as 36h or 30d."`
	Limit     int64    `env:"-" help:"At most so many, those that ended first; 0: no limit."`
	Batch     int      `default:"500" help:"Runs in one transaction, at most."`
	JSON      bool     `name:"json" help:"Print JSON."`
}

// Help teaches.
func (*runsPurgeVerb) Help() string {
	return `Forgets runs that ended long ago: what they were begun with, what their steps have kept, their results and their logs. With them goes the memory that
they were: whoever comes with such a key again has its steps performed again. So keep them for longer than that may happen. A run for
which another one waits stays. It may be interrupted and run again; run it from cron. It exits 1 when a run that was named is not purged.

Examples:

  contrail runs purge
  contrail runs purge --older-than 7d --state finished
  contrail runs purge orders/42 --older-than 1s`
}

// Run purges.
func (v *runsPurgeVerb) Run(ctx context.Context, a *app) error {
	if len(v.Keys) > 0 && (v.Workflow != "" || len(v.State) > 0 || v.Limit > 0) {
		return runKeys().errNothingToSelect("the runs")
	}
	if v.Limit < 0 {
		return usagef("--limit is %d; give 0 or more", v.Limit)
	}
	if err := atLeast("--batch", v.Batch, 1); err != nil {
		return err
	}
	age, err := olderThan(v.OlderThan)
	if err != nil {
		return err
	}
	retention := steps.Retention{OlderThan: age, Workflow: v.Workflow, Tenant: v.Tenant, Batch: v.Batch, Limit: v.Limit}
	for _, state := range v.State {
		retention.Statuses = append(retention.Statuses, steps.Status(state))
	}
	if err := retention.Validate(); err != nil {
		return usageError{inRunFlags(err)}
	}
	return a.withRuns(ctx, func(pool *pgxpool.Pool) error {
		if len(v.Keys) > 0 {
			return v.purgeNamed(ctx, a, pool, retention)
		}
		purged, err := steps.Purge(ctx, pool, retention)
		if v.JSON {
			return errors.Join(a.printJSON(map[string]int64{"purged": purged}), err)
		}
		a.printf("%s %s purged\n", plural(purged, "run"), agree(purged, "is", "are"))
		return err
	})
}

// purgeNamed tells of each run.
func (v *runsPurgeVerb) purgeNamed(ctx context.Context, a *app, pool *pgxpool.Pool, retention steps.Retention) error {
	return printOutcomes(a, func(yield func(steps.Outcome, error) bool) {
		for _, key := range v.Keys {
			outcome, err := v.purgeOne(ctx, pool, key, retention)
			if !yield(outcome, err) || err != nil {
				return
			}
		}
	}, v.JSON, runBecomes)
}

func (v *runsPurgeVerb) purgeOne(ctx context.Context, pool *pgxpool.Pool, key string, retention steps.Retention) (steps.Outcome, error) {
	before, err := steps.Explain(ctx, pool, key, steps.Look{Tenant: v.Tenant, Entries: 1})
	if errors.Is(err, steps.ErrNotFound) {
		return steps.Outcome{Run: key, Text: "is not there"}, nil
	}
	if err != nil {
		return steps.Outcome{}, err
	}
	retention.Keys = []string{key}
	purged, err := steps.Purge(ctx, pool, retention)
	outcome := steps.Outcome{Run: key, Status: before.Status, Done: purged > 0, Text: "is purged"}
	switch {
	case err != nil || purged > 0:
	case before.EndedAt == nil:
		outcome.Text = "has not ended, it is " + runState(before.Record)
	case time.Since(*before.EndedAt) < retention.OlderThan:
		outcome.Text = fmt.Sprintf("has ended less than %s ago", v.OlderThan)
	default:
		outcome.Text = "stays, since another run waits for it"
	}
	return outcome, err
}
