package main

import (
	"context"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/invoicing"
)

// migrateVerb creates or updates the tables.
type migrateVerb struct {
	Example bool `help:"Create the worked example's tables, too: the schema invoicing, which contrail subscribe writes to."`
	JSON    bool `name:"json" help:"Print the migrations that were applied as JSON."`
}

// Help teaches.
func (*migrateVerb) Help() string {
	return `Creates the schema contrail in the database, or brings it up to this program's version: the table contrail.events, the
relays' cursors and the consumers' inbox. It never destroys data, changes nothing when all is there already, and several may run
at once: one migrates, the others wait. A database that a newer version has migrated is left alone.

Your own services need nothing but this. With --example it also creates the schema invoicing, in which contrail subscribe keeps
the read models of the worked example.

Examples:

  contrail migrate --database-url postgres://app:secret@localhost:5432/app
  DATABASE_URL=postgres://app:secret@localhost:5432/app contrail migrate --example`
}

// migrated is what --json prints.
type migrated struct {
	Contrail  []string  `json:"contrail"`
	Invoicing *[]string `json:"invoicing,omitempty"` // with --example only
}

// Run migrates.
func (v *migrateVerb) Run(ctx context.Context, a *app) error {
	pool, err := a.openPool(ctx, 2) // one that migrates, one that holds the lock meanwhile
	if err != nil {
		return err
	}
	defer pool.Close()
	done, err := v.migrate(ctx, pool)
	if err != nil {
		return hinted(err)
	}
	if v.JSON {
		return a.printJSON(done)
	}
	a.printMigrated("contrail", done.Contrail)
	if done.Invoicing != nil {
		a.printMigrated("invoicing", *done.Invoicing)
	}
	return nil
}

func (v *migrateVerb) migrate(ctx context.Context, pool *pgxpool.Pool) (migrated, error) {
	applied, err := eventstore.Migrate(ctx, pool)
	done := migrated{Contrail: applied}
	if err != nil || !v.Example {
		return done, err
	}
	applied, err = invoicing.Migrate(ctx, pool)
	done.Invoicing = &applied
	return done, err
}

func (a *app) printMigrated(schema string, applied []string) {
	if len(applied) == 0 {
		a.printf("schema %s: nothing to do\n", schema)
	}
	for _, name := range applied {
		a.printf("schema %s: %s\n", schema, name)
	}
}
