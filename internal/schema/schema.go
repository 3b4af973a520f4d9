// Package schema migrates a PostgreSQL schema with goose and tells at which version it is.
package schema

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
	"github.com/pressly/goose/v3/lock"
)

// What Check and Migrate find wrong.
var (
	ErrNotMigrated     = errors.New("the database is not migrated")
	ErrMigratedByNewer = errors.New("the database was migrated by a newer version")
)

// Schema is a PostgreSQL schema and the migrations that make it.
type Schema struct {
	Name    string // a plain identifier; the table <Name>.migrations keeps what was applied
	Files   fs.FS  // migrations/00001_….sql and so on, numbered without a gap
	Command string // what a person runs to migrate it
}

// Querier is a *pgxpool.Pool, a *pgx.Conn or a pgx.Tx.
type Querier interface {
	QueryRow(ctx context.Context, query string, args ...any) pgx.Row
}

// Another process that migrates is looked for once a second, for five minutes.
const (
	lockPeriodSeconds = 1
	lockTries         = 300
)

// createSchema comes before goose, whose table stands in the schema. Two that create it at once: one of them finds it there.
// Who owns a schema that is there already need not be allowed to create one.
const createSchema = `DO $$ BEGIN
	IF to_regnamespace(%s) IS NULL THEN CREATE SCHEMA %s; END IF;
EXCEPTION WHEN unique_violation OR duplicate_schema THEN NULL; END $$`

// Migrate brings the schema up to this program's version and returns the names of the migrations that it applied. Several processes may
// call it at once: one migrates, the others wait. A schema that a newer version has migrated is refused and left alone.
func (s Schema) Migrate(ctx context.Context, pool *pgxpool.Pool) ([]string, error) {
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

func (s Schema) provider(db *sql.DB) (*goose.Provider, error) {
	files, err := fs.Sub(s.Files, "migrations")
	if err != nil {
		return nil, err //nolint:wrapcheck // Migrate wraps it
	}
	store, err := database.NewStore(database.DialectPostgres, s.Name+".migrations")
	if err != nil {
		return nil, err //nolint:wrapcheck // Migrate wraps it
	}
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(lockPeriodSeconds, lockTries))
	if err != nil {
		return nil, err //nolint:wrapcheck // Migrate wraps it
	}
	return goose.NewProvider("", db, files, goose.WithStore(store), goose.WithSessionLocker(locker)) //nolint:wrapcheck // Migrate wraps it
}

// Check returns nil when the schema is at exactly this program's version. Otherwise the error wraps [ErrNotMigrated] or
// [ErrMigratedByNewer] and says what to do.
func (s Schema) Check(ctx context.Context, db Querier) error {
	version, err := s.version(ctx, db)
	if err == nil && version < s.newest() {
		err = fmt.Errorf("%w: the schema %s is at version %d, this program needs %d: run `%s`",
			ErrNotMigrated, s.Name, version, s.newest(), s.Command)
	}
	return err
}

// version returns the version that the schema is at, ErrNotMigrated where there is none, ErrMigratedByNewer for one above ours.
func (s Schema) version(ctx context.Context, db Querier) (int64, error) {
	var version int64
	err := db.QueryRow(ctx, `SELECT coalesce(max(version_id), 0) FROM `+pgx.Identifier{s.Name, "migrations"}.Sanitize()+` WHERE is_applied`).
		Scan(&version)
	switch {
	case err != nil && !IsUndefined(err):
		return 0, fmt.Errorf("read the version of the schema %s: %w", s.Name, err)
	case version == 0:
		return 0, fmt.Errorf("%w: run `%s`", ErrNotMigrated, s.Command)
	case version > s.newest():
		return 0, fmt.Errorf("%w: the schema %s is at version %d, this program knows %d: use a newer contrail",
			ErrMigratedByNewer, s.Name, version, s.newest())
	}
	return version, nil
}

// newest is the number of the last migration: they are numbered 1, 2, 3 and so on.
func (s Schema) newest() int64 {
	entries, err := fs.ReadDir(s.Files, "migrations")
	if err != nil {
		return 0
	}
	return int64(len(entries))
}

// IsUndefined tells whether err is PostgreSQL's about a table or a schema that does not exist.
func IsUndefined(err error) bool {
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (pgErr.Code == "42P01" || pgErr.Code == "3F000")
}
