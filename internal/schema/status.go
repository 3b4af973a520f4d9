package schema

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Migration is one step of a schema's making.
type Migration struct {
	Version   int64      // 1 is the first
	Name      string     // of its file; "" for one of a newer program
	AppliedAt *time.Time // nil: not yet
}

// RowsQuerier is a *pgxpool.Pool, a *pgx.Conn or a pgx.Tx.
type RowsQuerier interface {
	Query(ctx context.Context, query string, args ...any) (pgx.Rows, error)
}

// Migrations returns the migrations that this program knows, and those above them that a newer one has applied, in order.
func (s Schema) Migrations(ctx context.Context, db RowsQuerier) ([]Migration, error) {
	migrations := make([]Migration, 0, s.newest())
	for n, name := range s.names() {
		migrations = append(migrations, Migration{Version: int64(n) + 1, Name: name})
	}
	// goose writes the time of day of its session, without the zone.
	query := `SELECT version_id, tstamp::timestamptz FROM ` + pgx.Identifier{s.Name, "migrations"}.Sanitize() + `
		WHERE is_applied AND version_id > 0 ORDER BY version_id`
	rows, _ := db.Query(ctx, query) //nolint:rowserrcheck // ForEachRow does
	var version int64
	var at time.Time
	_, err := pgx.ForEachRow(rows, []any{&version, &at}, func() error {
		if version > s.newest() {
			migrations = append(migrations, Migration{Version: version})
		}
		for n := range migrations {
			if migrations[n].Version == version {
				applied := at.UTC()
				migrations[n].AppliedAt = &applied
			}
		}
		return nil
	})
	if err != nil && !IsUndefined(err) {
		return nil, fmt.Errorf("read the migrations of the schema %s: %w", s.Name, err)
	}
	return migrations, nil
}
