package eventstore

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
)

//go:embed migrations/*.sql
var migrations embed.FS

const migrationsTable = "contrail.migrations"

// createSchema comes before goose, whose table stands in the schema. Two that create it at once: one of them finds it there.
const createSchema = `DO $$ BEGIN CREATE SCHEMA IF NOT EXISTS contrail; EXCEPTION WHEN unique_violation THEN NULL; END $$`

// Migrate brings the schema contrail up to this library's version and returns the names of the migrations that it applied, none when
// it was there already. Several processes may call it at once: one migrates, the others wait. A server older than PostgreSQL 14, a
// standby, and a schema that a newer version has migrated are refused before anything is changed.
func Migrate(ctx context.Context, pool *pgxpool.Pool) ([]string, error) {
	if err := checkServer(ctx, pool); err != nil {
		return nil, err
	}
	if _, err := schemaVersion(ctx, pool); err != nil && !errors.Is(err, ErrNotMigrated) {
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
	locker, err := lock.NewPostgresSessionLocker()
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

// Check returns nil when db can serve this library: PostgreSQL 14 or later, a primary, and migrated to exactly this version.
// Otherwise the error wraps [ErrTooOld], [ErrStandby], [ErrNotMigrated] or [ErrMigratedByNewer] and says what to do.
func Check(ctx context.Context, db Querier) error {
	if err := checkServer(ctx, db); err != nil {
		return err
	}
	version, err := schemaVersion(ctx, db)
	if err == nil && version < newestVersion() {
		err = fmt.Errorf("%w: the schema contrail is at version %d, this program needs %d: run `contrail migrate`",
			ErrNotMigrated, version, newestVersion())
	}
	return err
}

func checkServer(ctx context.Context, db Querier) error {
	var version int
	var name string
	var standby bool
	err := db.QueryRow(ctx, `SELECT current_setting('server_version_num')::int, current_setting('server_version'), pg_is_in_recovery()`).
		Scan(&version, &name, &standby)
	switch {
	case err != nil:
		return fmt.Errorf("check the database server: %w", err)
	case version < 140000:
		return fmt.Errorf("%w: this is PostgreSQL %s, Contrail needs 14 or later", ErrTooOld, name)
	case standby:
		return fmt.Errorf("%w: connect to the primary, which alone knows what is settled", ErrStandby)
	}
	return nil
}

// schemaVersion returns the version that the schema is at, ErrNotMigrated where there is none, ErrMigratedByNewer for one above ours.
func schemaVersion(ctx context.Context, db Querier) (int64, error) {
	var version int64
	err := db.QueryRow(ctx, `SELECT coalesce(max(version_id), 0) FROM contrail.migrations WHERE is_applied`).Scan(&version)
	if isUndefined(err) || err == nil && version == 0 {
		return 0, fmt.Errorf("%w: run `contrail migrate`", ErrNotMigrated)
	}
	if err != nil {
		return 0, fmt.Errorf("read the schema's version: %w", err)
	}
	if version > newestVersion() {
		return 0, fmt.Errorf("%w: the schema contrail is at version %d, this program knows %d: use a newer contrail",
			ErrMigratedByNewer, version, newestVersion())
	}
	return version, nil
}

// newestVersion is the number of the last embedded migration; they are numbered 1, 2, 3 …, which a test checks.
func newestVersion() int64 {
	entries, err := migrations.ReadDir("migrations")
	if err != nil {
		return 0
	}
	return int64(len(entries))
}

func isUndefined(err error) bool {
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (pgErr.Code == "42P01" || pgErr.Code == "3F000")
}
