package eventstore

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/contrail-events/contrail/internal/schema"
)

// DescribeSchema is what schema.txt should hold.
func DescribeSchema(ctx context.Context, pool *pgxpool.Pool) (text string, err error) {
	err = schema.Locked(ctx, pool, schema.Shared, func(tx pgx.Tx) error {
		objects, err := describe(ctx, tx)
		text = formatSchema(objects)
		return err
	})
	return text, err
}
