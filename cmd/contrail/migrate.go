package main

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/invoicing"
)

// migrateVerb creates, updates and examines the tables.
type migrateVerb struct {
	Up       migrateUpVerb       `cmd:"" default:"withargs" help:"Create the tables, or bring them up to this program's version; what contrail migrate alone does."`
	Down     migrateDownVerb     `cmd:"" help:"Take the tables back to an earlier version, where nothing is lost by it."`
	Status   migrateStatusVerb   `cmd:"" help:"List the migrations, and when each was applied."`
	Validate migrateValidateVerb `cmd:"" help:"Tell whether the tables are exactly what the migrations made."`
	Roles    migrateRolesVerb    `cmd:"" help:"Create the roles that services use, with the least rights that work."`
}

// Help teaches.
func (*migrateVerb) Help() string {
	return `Creates the schema contrail in the database, or brings it up to this program's version: the table contrail.events, the
relays' cursors, the consumers' inbox, snapshots and keys. It never destroys data, changes nothing when all is there already, and several
may run at once: one migrates, the others wait. A database that a newer version has migrated is left alone.

Your own services need nothing but this. With --example (CONTRAIL_EXAMPLE) it also creates the schema invoicing, in which contrail
subscribe keeps the read models of the worked example.

Examples:

  contrail migrate --database-url postgres://app:secret@localhost:5432/app
  DATABASE_URL=postgres://app:secret@localhost:5432/app contrail migrate --example
  contrail migrate validate`
}

// migrateUpVerb creates or updates the tables.
type migrateUpVerb struct {
	To      *int64 `env:"-" placeholder:"N" xor:"to" help:"Go no further than this version, the number that a migration's name begins with."`
	Example bool   `xor:"to" help:"Create the worked example's tables, too: the schema invoicing, which contrail subscribe writes to."`
	JSON    bool   `name:"json" help:"Print the migrations that were applied as JSON."`
}

// migrated is what --json prints.
type migrated struct {
	Contrail  []string  `json:"contrail"`
	Invoicing *[]string `json:"invoicing,omitempty"` // with --example only
}

// Run migrates.
func (v *migrateUpVerb) Run(ctx context.Context, a *app) error {
	pool, err := a.openPool(ctx, 2) // one that migrates, one that holds the lock meanwhile
	if err != nil {
		return err
	}
	defer pool.Close()
	done, err := v.migrate(ctx, pool)
	if err != nil {
		return hinted(misusedVersion(err))
	}
	if v.JSON {
		return a.printJSON(done)
	}
	a.printMigrated("contrail", done.Contrail, "")
	if done.Invoicing != nil {
		a.printMigrated("invoicing", *done.Invoicing, "")
	}
	return nil
}

func (v *migrateUpVerb) migrate(ctx context.Context, pool *pgxpool.Pool) (done migrated, err error) {
	if v.To != nil {
		done.Contrail, err = eventstore.MigrateTo(ctx, pool, *v.To)
	} else {
		done.Contrail, err = eventstore.Migrate(ctx, pool)
	}
	if err != nil || !v.Example {
		return done, err
	}
	applied, err := invoicing.Migrate(ctx, pool)
	done.Invoicing = &applied
	return done, err
}

// misusedVersion makes a version that does not exist wrong usage.
func misusedVersion(err error) error {
	if errors.Is(err, eventstore.ErrNoSuchVersion) {
		return usageError{err.Error()}
	}
	return err
}

// printMigrated prints a line for each migration, and behind its name what happened to it where that is not what happens usually.
func (a *app) printMigrated(schema string, names []string, what string) {
	if len(names) == 0 {
		a.printf("schema %s: nothing to do\n", schema)
	}
	for _, name := range names {
		a.printf("schema %s: %s%s\n", schema, name, what)
	}
}
