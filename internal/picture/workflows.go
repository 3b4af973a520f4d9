package picture

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail/subscribers/steps"
)

const (
	// State after state by the index runs_list (state, began_at, id), each up to a bound: of more, the newest are counted.
	runsSQL = `SELECT s.state, coalesce(n.workflow, ''), coalesce(n.counted, 0), coalesce(sum(n.counted) OVER (PARTITION BY s.state), 0)::bigint > s.most
		FROM unnest($1::text[], $2::bigint[]) AS s (state, most) JOIN LATERAL (
			SELECT workflow, count(*) AS counted FROM (
				SELECT workflow FROM contrail.runs r WHERE r.state = s.state ORDER BY r.began_at DESC LIMIT s.most + 1
			) few GROUP BY workflow
		) n ON true`

	// Workflow after workflow by the index runs_due (workflow, due_at), and the lease of each run by its primary key: the longest overdue first, up to a bound.
	overdueSQL = `WITH RECURSIVE workflows AS (
			(SELECT workflow FROM contrail.runs WHERE due_at IS NOT NULL ORDER BY workflow LIMIT 1)
			UNION ALL
			SELECT (SELECT r.workflow FROM contrail.runs r WHERE r.due_at IS NOT NULL AND r.workflow > w.workflow ORDER BY r.workflow LIMIT 1)
				FROM workflows w WHERE w.workflow IS NOT NULL
		)
		SELECT w.workflow, n.overdue FROM workflows w, LATERAL (
			SELECT count(*) AS overdue FROM (
				SELECT FROM contrail.runs r WHERE r.workflow = w.workflow AND r.due_at < now() - make_interval(secs => $1)
					AND coalesce(r.locked_until <= now(), true)
					AND NOT EXISTS (SELECT FROM contrail.run_leases l WHERE l.run = r.id AND l.token = r.token AND l.until > now())
				LIMIT $2
			) few
		) n WHERE w.workflow IS NOT NULL AND n.overdue > 0`
)

func (r *Reader) readRuns(ctx context.Context, to *Picture) (err error) {
	to.Runs, err = r.runs.get(ctx, r.config.Limits.Recount, r.countRuns)
	return err
}

func (r *Reader) countRuns(ctx context.Context) ([]Workflow, error) {
	states, most := bounds(steps.Statuses(), steps.Status.Ended)
	rows, _ := r.pool.Query(ctx, runsSQL, states, most) //nolint:rowserrcheck // ForEachRow does, and tells of Query's error, too
	found := map[string]*Workflow{}
	of := func(name string) *Workflow {
		if found[name] == nil {
			found[name] = &Workflow{Workflow: name, States: map[steps.Status]Count{}}
		}
		return found[name]
	}
	var state steps.Status
	var name string
	var counted int64
	var more bool
	if _, err := pgx.ForEachRow(rows, []any{&state, &name, &counted, &more}, func() error {
		of(name).States[state] = Count{min(counted, mostOf(state.Ended())), more}
		return nil
	}); err != nil {
		return nil, fmt.Errorf("count runs: %w", err)
	}
	rows, _ = r.pool.Query(ctx, overdueSQL, r.config.Limits.Overdue.Seconds(), countedOpen) //nolint:rowserrcheck // likewise
	if _, err := pgx.ForEachRow(rows, []any{&name, &counted}, func() error {
		of(name).Overdue = Count{counted, counted >= countedOpen}
		return nil
	}); err != nil {
		return nil, fmt.Errorf("count runs that are overdue: %w", err)
	}
	workflows := []Workflow{}
	for _, one := range found {
		workflows = append(workflows, *one)
	}
	slices.SortFunc(workflows, func(a, b Workflow) int { return strings.Compare(a.Workflow, b.Workflow) })
	return workflows, nil
}
