package eventstore

import (
	"context"
	"embed"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/contrail-events/contrail/internal/schema"
)

//go:embed migrations/*.sql
var migrations embed.FS

func ownSchema() schema.Schema {
	return schema.Schema{Name: "contrail", Files: migrations, Command: "contrail migrate"}
}

// Migrate brings the schema contrail up to this library's version and returns the names of the migrations that it applied, none when
// it was there already. Several processes may call it at once: one migrates, the others wait. A server older than PostgreSQL 14, a
// standby, and a schema that a newer version has migrated are refused before anything is changed.
func Migrate(ctx context.Context, pool *pgxpool.Pool) ([]string, error) {
	if err := checkServer(ctx, pool); err != nil {
		return nil, err
	}
	return ownSchema().Migrate(ctx, pool)
}

// Check returns nil when db can serve this library: PostgreSQL 14 or later, a primary, and migrated to exactly this version.
// Otherwise the error wraps [ErrTooOld], [ErrStandby], [ErrNotMigrated] or [ErrMigratedByNewer] and says what to do.
func Check(ctx context.Context, db Querier) error {
	if err := checkServer(ctx, db); err != nil {
		return err
	}
	return ownSchema().Check(ctx, db)
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
