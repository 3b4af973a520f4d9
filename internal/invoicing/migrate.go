package invoicing

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
	"github.com/pressly/goose/v3/lock"

	"github.com/contrail-events/contrail/eventstore"
)

//go:embed migrations/*.sql
var migrations embed.FS

const migrationsTable = "invoicing.migrations"

// createSchema comes before goose, whose table stands in the schema. Two that create it at once: one of them finds it there.
const createSchema = `DO $$ BEGIN CREATE SCHEMA IF NOT EXISTS invoicing; EXCEPTION WHEN unique_violation THEN NULL; END $$`

// Another process that migrates is looked for once a second, for five minutes.
const (
	lockPeriodSeconds = 1
	lockTries         = 300
)

// Migrate brings the schema invoicing up to this program's version and returns the names of the migrations that it applied. Several
// processes may call it at once: one migrates, the others wait. A schema that a newer version has migrated is refused and left alone.
func Migrate(ctx context.Context, pool *pgxpool.Pool) ([]string, error) {
	if _, err := schemaVersion(ctx, pool); err != nil && !errors.Is(err, eventstore.ErrNotMigrated) {
		return nil, err
	}
	if _, err := pool.Exec(ctx, createSchema); err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	provider, closeDB, err := newProvider(pool)
	if err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	defer closeDB()
	results, err := provider.Up(ctx)
	applied := make([]string, 0, len(results))
	for _, result := range results {
		applied = append(applied, result.Source.Path)
	}
	if err != nil {
		return applied, fmt.Errorf("migrate: %w", err)
	}
	return applied, nil
}

func newProvider(pool *pgxpool.Pool) (*goose.Provider, func(), error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, nil, err //nolint:wrapcheck // Migrate wraps it
	}
	store, err := database.NewStore(database.DialectPostgres, migrationsTable)
	if err != nil {
		return nil, nil, err //nolint:wrapcheck // Migrate wraps it
	}
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(lockPeriodSeconds, lockTries))
	if err != nil {
		return nil, nil, err //nolint:wrapcheck // Migrate wraps it
	}
	db := stdlib.OpenDBFromPool(pool)
	closeDB := func() { _ = db.Close() } // closes the wrapper, not the pool
	provider, err := goose.NewProvider("", db, files, goose.WithStore(store), goose.WithSessionLocker(locker))
	if err != nil {
		closeDB()
		return nil, nil, err //nolint:wrapcheck // Migrate wraps it
	}
	return provider, closeDB, nil
}

// Check returns nil when the schema is at exactly this program's version. Otherwise the error wraps [eventstore.ErrNotMigrated] or
// [eventstore.ErrMigratedByNewer] and says what to do.
func Check(ctx context.Context, db eventstore.Querier) error {
	version, err := schemaVersion(ctx, db)
	if err == nil && version < newestVersion() {
		err = fmt.Errorf("%w: the schema invoicing is at version %d, this program needs %d: run `contrail migrate --example`",
			eventstore.ErrNotMigrated, version, newestVersion())
	}
	return err
}

// schemaVersion returns the version that the schema is at, ErrNotMigrated where there is none, ErrMigratedByNewer for one above ours.
func schemaVersion(ctx context.Context, db eventstore.Querier) (int64, error) {
	var version int64
	err := db.QueryRow(ctx, `SELECT coalesce(max(version_id), 0) FROM invoicing.migrations WHERE is_applied`).Scan(&version)
	if refusal, ok := errors.AsType[*pgconn.PgError](err); ok && (refusal.Code == "42P01" || refusal.Code == "3F000") {
		err = nil // neither the table nor the schema is there
	}
	switch {
	case err != nil:
		return 0, fmt.Errorf("read the version of the schema invoicing: %w", err)
	case version == 0:
		return 0, fmt.Errorf("%w for the worked example: run `contrail migrate --example`", eventstore.ErrNotMigrated)
	case version > newestVersion():
		return 0, fmt.Errorf("%w: the schema invoicing is at version %d, this program knows %d: use a newer contrail",
			eventstore.ErrMigratedByNewer, version, newestVersion())
	}
	return version, nil
}

// newestVersion is the number of the last embedded migration; they are numbered 1, 2, 3 and so on.
func newestVersion() int64 {
	entries, err := migrations.ReadDir("migrations")
	if err != nil {
		return 0
	}
	return int64(len(entries))
}
