package eventstore

import (
	"context"
	"embed"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/contrail-events/contrail/internal/schema"
)

//go:embed migrations/*.sql
var migrations embed.FS

// What [MigrateTo] and [MigrateDown] refuse.
var (
	ErrNoSuchVersion = schema.ErrNoSuchVersion
	ErrNotEmpty      = schema.ErrNotEmpty
)

func ownSchema() schema.Schema {
	return schema.Schema{Name: "contrail", Files: migrations, Command: "contrail migrate"}
}

// Migrate brings the schema contrail up to this library's version and returns the names of the migrations that it applied, none when
// it was there already. Several processes may call it at once: one migrates, the others wait. A server older than PostgreSQL 14, a
// standby, and a schema that a newer version has migrated are refused before anything is changed. Where there is something to apply, connect
// directly, or through a proxy in session mode: what the others wait for is a lock of the session's.
//
// Where [GrantRoles] was called before, what the roles need of the new migrations is granted to them too.
func Migrate(ctx context.Context, pool *pgxpool.Pool) ([]string, error) {
	return migrateUp(ctx, pool, ownSchema().Migrate)
}

// MigrateTo is [Migrate] that goes no further than version, which is the number that a migration's name begins with. A schema that is above
// it already is left as it is. Errors are those of Migrate, and [ErrNoSuchVersion]. Contrail itself works at its newest version only: see
// [Check].
func MigrateTo(ctx context.Context, pool *pgxpool.Pool, version int64) ([]string, error) {
	return migrateUp(ctx, pool, func(ctx context.Context, pool *pgxpool.Pool) ([]string, error) {
		return ownSchema().Up(ctx, pool, version)
	})
}

func migrateUp(
	ctx context.Context, pool *pgxpool.Pool, up func(ctx context.Context, pool *pgxpool.Pool) ([]string, error),
) ([]string, error) {
	if err := checkServer(ctx, pool); err != nil {
		return nil, err
	}
	applied, err := up(ctx, pool)
	if err == nil && len(applied) > 0 {
		err = grantAgain(ctx, pool)
	}
	return applied, err
}

// MigrateDown takes the schema contrail back to version and returns the names of the migrations that it undid, the newest first: none when
// the schema was there, or below. It is all done in one transaction, or nothing. Stop what uses the newer version first; several processes
// may call it, and Migrate, at once.
//
// It destroys nothing: indexes, functions, snapshots and empty tables go, and a table with rows that would be lost is [ErrNotEmpty], which
// names it and counts them. Version 1 is the lowest; below, there would be no events: drop the schema by hand if that is what you want.
// Other errors are [ErrNoSuchVersion] for a version that does not exist, [ErrNotMigrated], [ErrMigratedByNewer], [ErrStandby], [ErrTooOld].
func MigrateDown(ctx context.Context, pool *pgxpool.Pool, version int64) ([]string, error) {
	if version == 0 {
		return nil, fmt.Errorf("%w as 0, which would hold no events: to destroy every event, run `DROP SCHEMA contrail CASCADE` by hand", ErrNoSuchVersion)
	}
	if err := checkServer(ctx, pool); err != nil {
		return nil, err
	}
	return ownSchema().Down(ctx, pool, version)
}

// Migration is one of the steps that make the schema contrail.
type Migration struct {
	Version   int64      `json:"version"`    // 1 is the first
	Name      string     `json:"name"`       // as in 00001_events.sql; "" for one of a newer version of this library
	AppliedAt *time.Time `json:"applied_at"` // in UTC, to the clock of the database; nil: not yet
}

// Migrations returns every migration that this library knows, applied or not, and those of a newer version that were applied, in order. A
// database in which nothing was migrated has none applied, which is no error.
func Migrations(ctx context.Context, db Querier) ([]Migration, error) {
	found, err := ownSchema().Migrations(ctx, db)
	if err != nil {
		return nil, err
	}
	list := make([]Migration, len(found))
	for n, migration := range found {
		list[n] = Migration(migration)
	}
	return list, nil
}
