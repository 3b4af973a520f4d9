package eventstore

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/contrail-events/contrail/internal/schema"
)

//go:embed roles/*.sql
var roles embed.FS

// ErrMayNotGrant says that the user of the database may not create the roles, or not grant what they need.
var ErrMayNotGrant = errors.New("this user may not create roles or grant their rights")

// role is one of Contrail's, with the statements that create it where it is missing and grant it what it needs. They may run any number of times.
type role struct{ name, statements string }

func allRoles() []role {
	files, _ := fs.Glob(roles, "roles/*.sql") // the pattern is a valid one
	all := make([]role, len(files))
	for n, file := range files {
		statements, _ := roles.ReadFile(file) // it is embedded
		all[n] = role{name: strings.TrimSuffix(strings.TrimPrefix(file, "roles/"), ".sql"), statements: string(statements)}
	}
	return all
}

// Roles returns the names of the roles that [GrantRoles] makes, sorted.
func Roles() []string {
	var names []string
	for _, role := range allRoles() {
		names = append(names, role.name)
	}
	return names
}

// RolesSQL returns what [GrantRoles] runs, commented, for somebody who may do more than this program.
func RolesSQL() string {
	var text []string
	for _, role := range allRoles() {
		text = append(text, role.statements)
	}
	return strings.Join(text, "\n")
}

// GrantRoles creates the roles contrail_append, contrail_read, contrail_relay, contrail_consume and contrail_operate where the cluster does not have them, and
// grants each the least rights in this database that it works with. Nobody can log in as one of them: make your own users members, as in
// GRANT contrail_append TO billing. [RolesSQL] tells what each may do.
//
// Roles belong to the whole cluster and rights to one database, so call it once for each database. It takes nothing away. Several processes
// may call it at once, in one database or in several.
//
// The user must own the schema, and have CREATEROLE where a role is missing; otherwise the error wraps [ErrMayNotGrant]. It is
// [ErrNotMigrated] or [ErrMigratedByNewer] for a schema of another version.
func GrantRoles(ctx context.Context, pool *pgxpool.Pool) error {
	if err := checkServer(ctx, pool); err != nil {
		return err
	}
	err := schema.Locked(ctx, pool, schema.Exclusive, func(tx pgx.Tx) error {
		if err := ownSchema().Check(ctx, tx); err != nil {
			return err
		}
		return grant(ctx, tx, allRoles())
	})
	if err != nil {
		return fmt.Errorf("grant the roles' rights: %w", err)
	}
	return nil
}

func grant(ctx context.Context, tx pgx.Tx, roles []role) error {
	for _, role := range roles {
		_, err := tx.Exec(ctx, role.statements)
		if refusal, ok := errors.AsType[*pgconn.PgError](err); ok && refusal.Code == "42501" {
			return fmt.Errorf("%w: let a superuser run what `contrail migrate roles --print` prints (%s: %w)", ErrMayNotGrant, role.name, err)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", role.name, err)
		}
	}
	return nil
}

// grantAgain grants what a migration has added to those roles that have been granted the schema before. A schema that stands below this
// library's version is not complete, and waits for the rest.
func grantAgain(ctx context.Context, pool *pgxpool.Pool) error {
	err := schema.Locked(ctx, pool, schema.Exclusive, func(tx pgx.Tx) error {
		if err := ownSchema().Check(ctx, tx); err != nil {
			return nil //nolint:nilerr // it is not complete
		}
		var known []role
		for _, role := range allRoles() {
			var granted bool
			err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1 AND has_schema_privilege(oid, 'contrail', 'USAGE'))`,
				role.name).Scan(&granted)
			if err != nil {
				return fmt.Errorf("%s: %w", role.name, err)
			}
			if granted {
				known = append(known, role)
			}
		}
		return grant(ctx, tx, known)
	})
	if err != nil {
		return fmt.Errorf("the schema is migrated, but not granted to the roles again: %w", err)
	}
	return nil
}
