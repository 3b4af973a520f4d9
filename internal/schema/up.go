package schema

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
	"github.com/pressly/goose/v3/lock"
)

// createSchema comes before goose, whose table stands in the schema. Two that create it at once: one of them finds it there.
// Who owns a schema that is there already need not be allowed to create one.
const createSchema = `DO $$ BEGIN
	IF to_regnamespace(%s) IS NULL THEN CREATE SCHEMA %s; END IF;
EXCEPTION WHEN unique_violation OR duplicate_schema THEN NULL; END $$`

// Migrate brings the schema up to this program's version and returns the names of the migrations that it applied. Several processes may
// call it at once: one migrates, the others wait. A schema that a newer version has migrated is refused and left alone.
func (s Schema) Migrate(ctx context.Context, pool *pgxpool.Pool) ([]string, error) {
	return s.Up(ctx, pool, s.newest())
}

// Up is [Schema.Migrate] that goes no further than version to. A schema that is above it already is left as it is. ErrNoSuchVersion comes
// back for a version that no migration makes.
func (s Schema) Up(ctx context.Context, pool *pgxpool.Pool, to int64) ([]string, error) {
	if err := s.known(to); err != nil {
		return nil, err
	}
	if _, err := s.version(ctx, pool); err != nil && !errors.Is(err, ErrNotMigrated) {
		return nil, err
	}
	if _, err := pool.Exec(ctx, fmt.Sprintf(createSchema, "'"+s.Name+"'", pgx.Identifier{s.Name}.Sanitize())); err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	db := stdlib.OpenDBFromPool(pool)
	defer func() { _ = db.Close() }() // the wrapper, not the pool
	provider, err := s.provider(db)
	if err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	results, err := provider.UpTo(ctx, to)
	if partial, ok := errors.AsType[*goose.PartialError](err); ok {
		results, err = partial.Applied, fmt.Errorf("%s: %w", partial.Failed.Source.Path, partial.Err)
	}
	applied := make([]string, 0, len(results))
	for _, result := range results {
		applied = append(applied, result.Source.Path)
	}
	if err != nil {
		return applied, fmt.Errorf("migrate: %w", err)
	}
	return applied, nil
}

func (s Schema) provider(db *sql.DB) (*goose.Provider, error) {
	files, err := fs.Sub(s.Files, "migrations")
	if err != nil {
		return nil, err //nolint:wrapcheck // Up wraps it
	}
	store, err := database.NewStore(database.DialectPostgres, s.Name+".migrations")
	if err != nil {
		return nil, err //nolint:wrapcheck // Up wraps it
	}
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(lockPeriodSeconds, lockTries))
	if err != nil {
		return nil, err //nolint:wrapcheck // Up wraps it
	}
	return goose.NewProvider("", db, files, goose.WithStore(store), goose.WithSessionLocker(locker)) //nolint:wrapcheck // Up wraps it
}
