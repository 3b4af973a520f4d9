package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/contrail-events/contrail/subscribers/steps"
)

// runsVerb looks after handlers of several steps.
type runsVerb struct {
	List   runsListVerb   `cmd:"" help:"List runs: handlers of several steps, with how far each has come."`
	Show   runsShowVerb   `cmd:"" help:"Show one of them: why it stands where it stands, what its steps have done, what to do."`
	Retry  runsRetryVerb  `cmd:"" help:"Have runs go on now that are halted, wait, or have failed."`
	Cancel runsCancelVerb `cmd:"" help:"End runs before they have finished, and have their steps undone."`
	Purge  runsPurgeVerb  `cmd:"" help:"Forget runs that ended long ago."`
}

// runsFilter are the flags that select runs.
type runsFilter struct {
	Workflow string `placeholder:"WORKFLOW" help:"Runs of this workflow."`
	Tenant   string `placeholder:"ID" help:"Runs of this tenant."`
	Prefix   string `env:"-" placeholder:"TEXT" help:"Runs whose key begins like this, such as reminders/."`
	Since    string `placeholder:"TIME" help:"Runs begun at this time or later."`
	Until    string `placeholder:"TIME" help:"Runs begun before this time."`
	Failing  bool   `env:"-" help:"Runs whose present step has failed, and is tried again."`
	Overdue  string `env:"-" placeholder:"TIME" help:"Runs that are due for longer than this, as 5m or 2d, and performed by nobody."`
	Error    string `env:"-" placeholder:"TEXT" help:"Runs whose last error, or the reason why they are halted, failed or cancelled, has this text in it."`
}

// isGiven tells whether anything is to be left aside.
func (f runsFilter) isGiven() bool { return f != runsFilter{} }

// filter says it in the package's words, and refuses what the package would.
func (f runsFilter) filter(states []string, now time.Time) (steps.Filter, error) {
	filter := steps.Filter{Workflow: f.Workflow, Tenant: f.Tenant, KeyPrefix: f.Prefix, Failing: f.Failing, ErrorContains: f.Error}
	for _, state := range states {
		filter.Statuses = append(filter.Statuses, steps.Status(state))
	}
	var err error
	if filter.Since, err = moment("--since", f.Since, now); err != nil {
		return filter, err
	}
	if filter.Until, err = moment("--until", f.Until, now); err != nil {
		return filter, err
	}
	if f.Overdue != "" {
		if filter.Overdue, err = duration(f.Overdue); err != nil || filter.Overdue <= 0 {
			return filter, usagef("--overdue is %q; give how long as 5m or 2d", f.Overdue)
		}
	}
	if err := filter.Validate(); err != nil {
		return filter, usageError{inRunFlags(err)}
	}
	return filter, nil
}

// inRunFlags is what the package says of faulty fields, with the flags that they stand for.
func inRunFlags(err error) string {
	return strings.NewReplacer(
		"steps.Filter: Workflow", "--workflow", "steps.Filter: Tenant", "--tenant", "steps.Filter: KeyPrefix", "--prefix",
		"steps.Filter: ErrorContains", "--error", "steps.Filter: Before", "--after", "steps.Filter: Since", "--since", "before Until", "before --until",
		"\n", "; ",
	).Replace(err.Error())
}

// withRuns opens what the verbs work with.
func (a *app) withRuns(ctx context.Context, do func(pool *pgxpool.Pool) error) error {
	pool, err := a.openStore(ctx, 1)
	if err != nil {
		return err
	}
	defer pool.Close()
	return do(pool)
}

// errNoRun says in words of the command line that there is no run with that key.
func errNoRun(key string, err error) error {
	if errors.Is(err, steps.ErrNotFound) {
		return fmt.Errorf("there is no run %s; contrail runs list shows which there are", printable(key))
	}
	return err
}
