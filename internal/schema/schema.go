// Package schema migrates a PostgreSQL schema, up with goose and down by itself, and tells at which version it is.
package schema

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// What this package finds wrong.
var (
	ErrNotMigrated     = errors.New("the database is not migrated")
	ErrMigratedByNewer = errors.New("the database was migrated by a newer version")
	ErrNoSuchVersion   = errors.New("there is no such version")
	ErrNotEmpty        = errors.New("going down would destroy data")
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
func (s Schema) newest() int64 { return int64(len(s.names())) }

// names are the names of the migrations' files, the first of them number 1.
func (s Schema) names() []string {
	entries, err := fs.ReadDir(s.Files, "migrations") // sorted by name
	if err != nil {
		return nil
	}
	names := make([]string, len(entries))
	for n, entry := range entries {
		names[n] = entry.Name()
	}
	return names
}

// known returns ErrNoSuchVersion for one that no migration makes.
func (s Schema) known(version int64) error {
	if version < 1 || version > s.newest() {
		return fmt.Errorf("%w as %d: this program knows 1 to %d", ErrNoSuchVersion, version, s.newest())
	}
	return nil
}

// IsUndefined tells whether err is PostgreSQL's about a table or a schema that does not exist.
func IsUndefined(err error) bool {
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (pgErr.Code == "42P01" || pgErr.Code == "3F000")
}
