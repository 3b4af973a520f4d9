package dashboard

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail/subscribers/steps"
)

// runPages are those about handlers of several steps.
func (d *Dashboard) runPages() []page {
	return []page{
		{pattern: "/runs", section: "/runs", title: "Runs", template: "runs.html", read: d.readRuns},
		{pattern: "/runs/{run}", section: "/runs", title: "Run", template: "runsone.html", every: 2 * time.Second, read: d.readRun},
	}
}

// runsView is a page of runs, the newest first.
type runsView struct {
	Items []runRow `json:"items"`
	Pager

	Looked uuid.UUID  `json:"looked,omitzero"` // the last run that was looked at, where the page could not be filled in time; zero: all were, or it is full
	Exact  *uuid.UUID `json:"exact,omitempty"` // the run whose key is exactly what was asked for; nil: there is none

	Filter url.Values `json:"-"`
}

// runRow is a run as a list shows it.
type runRow struct {
	ID         uuid.UUID    `json:"id"`
	Key        string       `json:"key"`
	Workflow   string       `json:"workflow"`
	Tenant     string       `json:"tenant,omitempty"`
	Status     steps.Status `json:"state"`
	Performing bool         `json:"performing"`
	Step       string       `json:"step"` // at which it stands, and of how many: as in "2/5 charge"
	Failures   int          `json:"failures"`
	Error      string       `json:"error,omitempty"` // or the reason why it is halted, failed or cancelled
	DueAt      *time.Time   `json:"due_at"`
	BeganAt    time.Time    `json:"began_at"`
}

// Incomplete tells whether there may be more before the page is full.
func (v *runsView) Incomplete() bool { return v.Looked != uuid.Nil }

// Filtered tells whether anything is left aside.
func (v *runsView) Filtered() bool { return isFiltered(v.Filter) }

func (d *Dashboard) readRuns(ctx context.Context, r *request) (any, error) {
	filter, turn, err := runFilter(r)
	if err != nil {
		return nil, err
	}
	rows, err := r.limit()
	if err != nil {
		return nil, err
	}
	view := &runsView{Items: []runRow{}, Filter: r.query()}
	if filter.KeyPrefix != "" {
		if view.Exact, err = d.runWithKey(ctx, filter.KeyPrefix); err != nil {
			return nil, err
		}
	}
	filter.Limit = int64(rows) + 1
	found, err := steps.Browse(ctx, d.pool, filter, turn)
	if errors.Is(err, steps.ErrNotFound) {
		return nil, errBadInput("the run at which this page begins was purged; begin with the newest")
	}
	if err != nil {
		return nil, err
	}
	view.take(found, turn, rows)
	return view, nil
}

// take shows what was found the newest first, and says how one goes on.
func (v *runsView) take(found steps.Page, turn steps.Turn, rows int) {
	records := found.Records[:min(len(found.Records), rows)]
	next := ""
	switch {
	case len(found.Records) > rows:
		next = records[rows-1].ID.String()
	case found.Looked != uuid.Nil:
		v.Looked, next = found.Looked, found.Looked.String()
	}
	back := turn.After != uuid.Nil
	if back {
		slices.Reverse(records)
	}
	for _, record := range records {
		v.Items = append(v.Items, runRowOf(record))
	}
	other := ""
	if n := len(records); n > 0 && back {
		other = records[n-1].ID.String()
	} else if n > 0 && turn.Before != uuid.Nil {
		other = records[0].ID.String()
	}
	if v.Pager = (Pager{Newer: other, Older: next}); back {
		v.Pager = Pager{Newer: next, Older: other}
	}
}

// runRowOf is the run for a list.
func runRowOf(run steps.Record) runRow {
	row := runRow{
		ID: run.ID, Key: run.Key, Workflow: run.Workflow, Tenant: run.Tenant, Status: run.Status, Performing: run.Performing, Failures: run.Failures,
		Error: run.Error, BeganAt: run.BeganAt,
	}
	if row.Error == "" {
		row.Error = run.Reason
	}
	if !run.Performing {
		row.DueAt = run.DueAt
	}
	if name := run.StepName(); name != "" {
		row.Step = fmt.Sprintf("%d/%d %s", slices.Index(run.Steps, name)+1, len(run.Steps), name)
		if run.Elements != nil {
			row.Step += fmt.Sprintf(" %d/%d", run.Round, *run.Elements)
		}
	}
	return row
}

// runFilter is what the address asks for. The error names every field that is wrong.
func runFilter(r *request) (filter steps.Filter, turn steps.Turn, err error) {
	field := func(name string) string { return strings.TrimSpace(r.query().Get(name)) }
	filter = steps.Filter{
		Workflow: field("workflow"), Tenant: field("tenant"), KeyPrefix: field("key"), ErrorContains: field("error"), Failing: field("failing") == "yes",
	}
	for _, state := range r.query()["state"] {
		if state != "" {
			filter.Statuses = append(filter.Statuses, steps.Status(state))
		}
	}
	var faults fieldFaults
	filter.Since, filter.Until = faults.moment("since", field("since"), r), faults.moment("until", field("until"), r)
	turn.Before = faults.uuid("before", field("before"))
	if turn.Before == uuid.Nil {
		turn.After = faults.uuid("after", field("after"))
	}
	if text := field("overdue"); text != "" {
		overdue, err := agoOf(text)
		faults.check("overdue", err == nil && overdue > 0, "%q is no time, such as 5m or 2d", text)
		filter.Overdue = max(0, overdue)
	}
	if err := filter.Validate(); err != nil {
		for fault := range strings.SplitSeq(strings.ReplaceAll(err.Error(), "steps.Filter: ", ""), "\n") {
			faults.faults = append(faults.faults, fault)
		}
	}
	return filter, turn, faults.err()
}

// Both read one row by a unique index.
const (
	runWithKeySQL = `SELECT id FROM contrail.runs WHERE key = $1`
	runWithIDSQL  = `SELECT key FROM contrail.runs WHERE id = $1`
)

// runWithKey is the id of the run with a key; nil: there is none.
func (d *Dashboard) runWithKey(ctx context.Context, key string) (*uuid.UUID, error) {
	var id uuid.UUID
	switch err := d.pool.QueryRow(ctx, runWithKeySQL, key).Scan(&id); {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, nil //nolint:nilnil // none, and no fault
	case err != nil:
		return nil, fmt.Errorf("look up run %s: %w", key, err)
	}
	return &id, nil
}

// runKey is the key of the run that an address names: by its id, which fits into any address, or by its key.
func (d *Dashboard) runKey(ctx context.Context, name string) (string, error) {
	id, err := uuid.Parse(name)
	if err != nil {
		return name, nil //nolint:nilerr // it is a key then
	}
	var key string
	switch err := d.pool.QueryRow(ctx, runWithIDSQL, id).Scan(&key); {
	case errors.Is(err, pgx.ErrNoRows):
		return name, nil
	case err != nil:
		return "", fmt.Errorf("look up run %s: %w", id, err)
	}
	return key, nil
}

// errRun says that a run is not there in the words of the dashboard.
func errRun(err error, name string) error {
	if errors.Is(err, steps.ErrNotFound) {
		return errNotFound("run " + name)
	}
	return err
}
