package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// task is what somebody does with the tables, and what that takes. Who has the first right has begun, and is to have the others.
type task struct {
	name, role string
	rights     []string // "PRIVILEGE table"
}

func tasks() []task {
	return []task{
		{"append", "contrail_append", []string{
			"INSERT contrail.events", "SELECT contrail.events", "SELECT contrail.store", "SELECT contrail.migrations", "SELECT contrail.events_position_seq",
		}},
		{"relay", "contrail_relay", []string{
			"INSERT contrail.relays", "UPDATE contrail.relays", "SELECT contrail.relays", "SELECT contrail.events", "SELECT contrail.store", "SELECT contrail.events_position_seq",
			"INSERT contrail.parked", "UPDATE contrail.parked", "INSERT contrail.relay_processes", "UPDATE contrail.relay_processes", "DELETE contrail.relay_processes",
		}},
		{"consume", "contrail_consume", []string{
			"INSERT contrail.inbox", "SELECT contrail.inbox", "UPDATE contrail.inbox", "DELETE contrail.inbox", "INSERT contrail.inbox_pages", "UPDATE contrail.inbox_pages",
			"SELECT contrail.projections", "INSERT contrail.projections", "UPDATE contrail.projections", "INSERT contrail.deliveries", "INSERT contrail.runs", "SELECT contrail.webhooks",
		}},
	}
}

// Nothing but the catalog. A role that does not exist lacks nothing; of a sequence, a table's privileges may be asked for as well.
const lackingSQL = `SELECT coalesce(array_agg(r ORDER BY n), '{}'), coalesce($1::text, current_user) FROM unnest($2::text[]) WITH ORDINALITY AS rights (r, n)
	WHERE CASE WHEN $1::text IS NULL THEN true ELSE to_regrole($1) IS NOT NULL END
		AND NOT (has_schema_privilege(coalesce(to_regrole($1)::oid, current_user::regrole::oid), 'contrail', 'USAGE')
			AND has_table_privilege(coalesce(to_regrole($1)::oid, current_user::regrole::oid), split_part(r, ' ', 2), split_part(r, ' ', 1)))`

func checkPrivileges(ctx context.Context, d *Doctor) ([]Finding, error) {
	var found []Finding
	var may []string
	user := ""
	for _, task := range tasks() {
		lacking, who, err := d.lacking(ctx, nil, task)
		if err != nil {
			return nil, err
		}
		user = who
		if len(lacking) == 0 {
			may = append(may, task.name)
		}
		found = append(found, halfAllowed("user "+who, task, lacking, Danger)...)
		if lacking, _, err = d.lacking(ctx, &task.role, task); err != nil {
			return nil, err
		}
		found = append(found, halfAllowed("role "+task.role, task, lacking, Warning)...)
	}
	with := values{"user": user, "may": may}
	if len(found) == 0 && len(may) == 0 {
		return []Finding{{
			Severity: Note, What: fmt.Sprintf("user %s may neither append nor relay nor consume", user), Why: "services that connect as this user can't either",
			Do: "make the users of services members of Contrail's roles (contrail migrate roles)", Values: with,
		}}, nil
	}
	return orGood(found, with, "user %s may %s", user, strings.Join(may, ", ")), nil
}

// lacking are the rights for a task that a role does not have; nil is this user.
func (d *Doctor) lacking(ctx context.Context, role *string, of task) (rights []string, who string, err error) {
	err = d.pool.QueryRow(ctx, lackingSQL, role, of.rights).Scan(&rights, &who)
	if errors.Is(err, pgx.ErrNoRows) {
		err = nil
	}
	if err != nil {
		return nil, "", fmt.Errorf("look at what may be done in the schema: %w", err)
	}
	return rights, who, nil
}

// halfAllowed is about somebody who may begin a task and not do all of it.
func halfAllowed(who string, task task, lacking []string, severity Severity) []Finding {
	if len(lacking) == 0 || slices.Contains(lacking, task.rights[0]) {
		return nil
	}
	return []Finding{{
		Severity: severity, What: fmt.Sprintf("%s may %s, but lacks %s", who, task.name, strings.Join(lacking, ", ")), Why: "what it begins fails half-way",
		Do: "run contrail migrate roles, which grants " + task.role + " all of it", Values: values{"task": task.name, "lacking": lacking},
	}}
}
