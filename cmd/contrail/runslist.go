package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/contrail-events/contrail/subscribers/steps"
)

// runsListVerb lists runs.
type runsListVerb struct {
	runsFilter

	State   []string `env:"-" enum:"ready,waiting,cancelling,compensating,halted,finished,failed,cancelled" placeholder:"STATE" help:"Runs in this state, one of ${enum}; may be given several times."`
	After   string   `env:"-" placeholder:"RUN" help:"Runs begun before this one, which is the last of another list."`
	Limit   int64    `default:"100" help:"At most so many, the newest; 0: all."`
	Summary bool     `env:"-" help:"Print how many there are of each workflow in each state, of all of them."`
	JSON    bool     `name:"json" help:"Print JSON lines."`
}

// Help teaches.
func (*runsListVerb) Help() string {
	return `Lists runs of steps, the newest first: by its key, which says what it is about, how each stands, at which of its steps, how often that one
has failed, and when it goes on. A run must pass every filter that is given. A time is 2026-11-21T20:15:04Z, a day in UTC such as
2026-11-21, or how long ago: 90s, 2h, 7d.

States: ready (goes on as soon as it is due, or is being performed), waiting (for a time, or for other runs), cancelling (somebody has cancelled
it), compensating (its steps are undone, the last one first), halted (a person must look), and, of those that have ended, finished, failed
and cancelled. It exits 0 whether there are any or none.

Examples:

  contrail runs list
  contrail runs list --summary
  contrail runs list --state halted --state failed --since 1d
  contrail runs list --overdue 5m
  contrail runs list --workflow reminders --prefix reminders/invoice- --limit 0 --json | jq -r .key`
}

// Run lists.
func (v *runsListVerb) Run(ctx context.Context, a *app) error {
	filter, err := v.filter(v.State, time.Now())
	switch {
	case err != nil:
		return err
	case v.Limit < 0:
		return usagef("--limit is %d; give 0 or more", v.Limit)
	}
	filter.Before = v.After
	return a.withRuns(ctx, func(pool *pgxpool.Pool) error {
		if v.Summary {
			return v.summarise(ctx, a, pool, filter)
		}
		filter.Limit = oneMore(v.Limit, v.JSON)
		err := listing[steps.Record]{
			title: []string{"run", "workflow", "state", "step", "failures", "due", "began", "error"},
			row:   runRow, right: []int{4}, none: "no runs",
			more: func(last steps.Record) string {
				return fmt.Sprintf("--after %s shows them, --limit 0 all, --summary how many", printable(last.Key))
			},
			limit: v.Limit, asJSON: v.JSON,
		}.print(a, steps.List(ctx, pool, filter))
		return errNoRun(v.After, err)
	})
}

func runRow(run steps.Record) []string {
	due := "-"
	if run.DueAt != nil && !run.Performing {
		due = run.DueAt.Format(time.RFC3339)
	}
	return []string{
		printable(run.Key), orDash(printable(run.Workflow)), runState(run), runStep(run), strconv.Itoa(run.Failures), due, run.BeganAt.Format(time.RFC3339),
		orDash(printable(cmp.Or(run.Error, run.Reason))),
	}
}

// runState is how a run stands, and whether somebody performs it.
func runState(run steps.Record) string {
	switch {
	case run.Performing:
		return string(run.Status) + ", performed"
	case run.EndsAs != "" && (run.Status == steps.Waiting || run.Status == steps.Halted):
		return string(run.Status) + ", compensating"
	}
	return string(run.Status)
}

// runStep is the step at which it stands, of how many, and how far it is with that.
func runStep(run steps.Record) string {
	name := run.StepName()
	if name == "" {
		return "-"
	}
	text := fmt.Sprintf("%d/%d %s", slices.Index(run.Steps, name)+1, len(run.Steps), printable(name))
	if run.Elements != nil {
		text += fmt.Sprintf(" %s/%s", thousands(run.Round), thousands(*run.Elements))
	}
	return text
}

// runsOf is a line of the summary.
type runsOf struct {
	steps.Group

	Runs int64 `json:"runs"`
}

func (v *runsListVerb) summarise(ctx context.Context, a *app, pool *pgxpool.Pool, filter steps.Filter) error {
	counts, err := steps.Count(ctx, pool, filter)
	if err != nil {
		return err
	}
	groups := slices.SortedFunc(maps.Keys(counts), func(x, y steps.Group) int {
		return cmp.Or(cmp.Compare(x.Workflow, y.Workflow), cmp.Compare(slices.Index(steps.Statuses(), x.Status), slices.Index(steps.Statuses(), y.Status)))
	})
	rows := [][]string{{"workflow", "state", "runs"}}
	for _, group := range groups {
		if v.JSON {
			if err := a.printJSON(runsOf{group, counts[group]}); err != nil {
				return err
			}
		}
		rows = append(rows, []string{orDash(printable(group.Workflow)), string(group.Status), thousands(counts[group])})
	}
	switch {
	case v.JSON:
	case len(groups) == 0:
		a.printf("no runs\n")
	default:
		a.printTable(rows, 2)
	}
	return nil
}
