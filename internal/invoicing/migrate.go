package invoicing

import (
	"context"
	"embed"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/contrail-events/contrail/internal/schema"
)

//go:embed migrations/*.sql
var migrations embed.FS

func ownSchema() schema.Schema {
	return schema.Schema{Name: "invoicing", Files: migrations, Command: "contrail migrate --example"}
}

// Migrate brings the schema invoicing up to this program's version and returns the names of the migrations that it applied. Several
// processes may call it at once: one migrates, the others wait. A schema that a newer version has migrated is refused and left alone.
func Migrate(ctx context.Context, pool *pgxpool.Pool) ([]string, error) {
	return ownSchema().Migrate(ctx, pool)
}

// Check returns nil when the schema is at exactly this program's version. Otherwise the error wraps eventstore.ErrNotMigrated or
// eventstore.ErrMigratedByNewer and says what to do.
func Check(ctx context.Context, db schema.Querier) error { return ownSchema().Check(ctx, db) }
