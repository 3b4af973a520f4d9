package main

import (
	"context"
	"strconv"
	"time"

	"github.com/contrail-events/contrail/eventstore"
)

// migrateStatusVerb lists the migrations.
type migrateStatusVerb struct {
	JSON bool `name:"json" help:"Print JSON."`
}

// Help teaches.
func (*migrateStatusVerb) Help() string {
	return `Lists the migrations of the schema contrail that this program knows, and when each was applied, to the clock of the database. It
exits 0 whether all are applied or not; contrail migrate validate tells whether the result is sound.

Examples:

  contrail migrate status
  contrail migrate status --json | jq .version`
}

// migrationStatus is what --json prints.
type migrationStatus struct {
	Version    int64                  `json:"version"` // of the database: the greatest that is applied, 0 for none
	Migrations []eventstore.Migration `json:"migrations"`
}

// Run lists.
func (v *migrateStatusVerb) Run(ctx context.Context, a *app) error {
	pool, err := a.openPool(ctx, 1)
	if err != nil {
		return err
	}
	defer pool.Close()
	var status migrationStatus
	err = a.inTime(ctx, func(ctx context.Context) (err error) {
		status.Migrations, err = eventstore.Migrations(ctx, pool)
		return err
	})
	if err != nil {
		return err
	}
	rows := [][]string{{"version", "migration", "applied"}}
	for _, migration := range status.Migrations {
		name, applied := migration.Name, "not yet"
		if migration.AppliedAt != nil {
			applied, status.Version = migration.AppliedAt.Format(time.RFC3339), migration.Version
		}
		if name == "" {
			name = "(of a newer version)"
		}
		rows = append(rows, []string{strconv.FormatInt(migration.Version, 10), name, applied})
	}
	if v.JSON {
		return a.printJSON(status)
	}
	a.printTable(rows, 0)
	return nil
}
