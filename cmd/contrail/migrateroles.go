package main

import (
	"context"
	"strings"

	"github.com/contrail-events/contrail/eventstore"
)

// migrateRolesVerb creates the roles.
type migrateRolesVerb struct {
	Print bool `xor:"form" help:"Print the SQL instead of running it, for somebody who may create roles. It needs no database."`
	JSON  bool `name:"json" xor:"form" help:"Print JSON."`
}

// Help teaches.
func (*migrateRolesVerb) Help() string {
	return `Creates the roles contrail_append, contrail_read, contrail_relay, contrail_consume and contrail_operate where the cluster lacks them, and
grants each the least rights in this database that it works with; --print shows which. Nobody can log in as one of them: make your own users
members. Roles belong to the whole cluster, rights to one database, so run it once for each database, as the schema's owner, who needs
CREATEROLE where a role is missing. It takes no right away, and later migrations grant what they add.

Examples:

  contrail migrate roles
  contrail migrate roles --print | psql -U postgres app
  psql app -c 'GRANT contrail_append TO billing'`
}

// Run creates.
func (v *migrateRolesVerb) Run(ctx context.Context, a *app) error {
	if v.Print {
		a.printf("%s", eventstore.RolesSQL())
		return nil
	}
	pool, err := a.openPool(ctx, 1)
	if err != nil {
		return err
	}
	defer pool.Close()
	if err := eventstore.GrantRoles(ctx, pool); err != nil {
		return hinted(err)
	}
	if v.JSON {
		return a.printJSON(struct {
			Roles []string `json:"roles"`
		}{eventstore.Roles()})
	}
	a.printf("schema contrail: granted to %s\n", strings.Join(eventstore.Roles(), ", "))
	return nil
}
