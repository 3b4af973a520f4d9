package main

import (
	"context"

	"github.com/contrail-events/contrail/eventstore"
)

// migrateDownVerb takes the tables back.
type migrateDownVerb struct {
	To   int64 `required:"" env:"-" placeholder:"N" help:"The version to go down to, the number that a migration's name begins with; 1 is the lowest."`
	JSON bool  `name:"json" help:"Print the migrations that were undone as JSON."`
}

// Help teaches.
func (*migrateDownVerb) Help() string {
	return `Undoes the migrations above --to, the newest first, all in one transaction or none: for the way back to an earlier release.
Stop what uses the newer version first.

It destroys nothing. Indexes, functions, snapshots and empty tables go; a table that has rows is named, and then nothing is changed: save
what matters, empty the table by hand, and run it again. Mind contrail.keys: without its keys, what is encrypted is erased. Events are never
touched: version 1 is the lowest.

Examples:

  contrail migrate status
  contrail migrate down --to 3`
}

// Run migrates down.
func (v *migrateDownVerb) Run(ctx context.Context, a *app) error {
	pool, err := a.openPool(ctx, 1)
	if err != nil {
		return err
	}
	defer pool.Close()
	undone, err := eventstore.MigrateDown(ctx, pool, v.To)
	if err != nil {
		return hinted(misusedVersion(err))
	}
	if v.JSON {
		return a.printJSON(migrated{Contrail: append([]string{}, undone...)})
	}
	a.printMigrated("contrail", undone, " undone")
	return nil
}
