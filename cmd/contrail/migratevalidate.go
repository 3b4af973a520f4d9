package main

import (
	"context"
	"errors"

	"github.com/contrail-events/contrail/eventstore"
)

// migrateValidateVerb examines the tables.
type migrateValidateVerb struct {
	JSON bool `name:"json" help:"Print JSON."`
}

// Help teaches.
func (*migrateValidateVerb) Help() string {
	return `Compares every table, column, constraint, index, trigger, rule, sequence and function of the schema contrail with what the
migrations make, and looks whether the sequence of positions stands where it must. It exits 0 if nothing differs that could break a promise,
and 1 if something does, and names it: a trigger that somebody has disabled, a sequence that hands positions out ahead.

What you may add yourself is noted, and is no fault: an index that is not unique, a column that may be null, a trigger that fires AFTER, a
table or function of your own. Owners, rights, tablespaces and storage parameters are not compared. It changes nothing, and waits for a
migration that is under way.

Examples:

  contrail migrate validate
  contrail migrate validate --json | jq '.differences[].object'`
}

// validation is what --json prints.
type validation struct {
	OK          bool                    `json:"ok"`
	Differences []eventstore.Difference `json:"differences"`
}

// Run examines.
func (v *migrateValidateVerb) Run(ctx context.Context, a *app) error {
	pool, err := a.openPool(ctx, 1)
	if err != nil {
		return err
	}
	defer pool.Close()
	found, err := eventstore.Validate(ctx, pool)
	drifted := errors.Is(err, eventstore.ErrDrift)
	if err != nil && !drifted {
		return hinted(err)
	}
	if v.JSON {
		err = a.printJSON(validation{OK: !drifted, Differences: append([]eventstore.Difference{}, found...)})
	} else {
		a.printValidation(found, drifted)
		err = nil
	}
	if err == nil && drifted {
		err = errNotSo
	}
	return err
}

func (a *app) printValidation(found []eventstore.Difference, drifted bool) {
	colour, text := green, "OK: the schema contrail is what its migrations made."
	if drifted {
		colour, text = red, "NOT OK: the schema contrail is not what its migrations made."
	}
	a.printf("%s\n", a.paint(colour, text))
	for _, difference := range found {
		note := ""
		if difference.Harmless {
			note = "note: "
		}
		a.printf("  %s%s\n", note, difference)
	}
}
