package invoicing

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail"
)

// saveOrganisationSQL locks one row, which an older event leaves as it is.
const saveOrganisationSQL = `INSERT INTO invoicing.organisations AS o (id, tenant_id, name, deleted, version) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (id) DO UPDATE SET name = excluded.name, deleted = excluded.deleted, version = excluded.version
WHERE excluded.version > o.version`

func saveOrganisation(ctx context.Context, tx pgx.Tx, e contrail.Recorded, name string, deleted bool) error {
	tenant, err := tenantOf(e)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, saveOrganisationSQL, e.Stream.ID(), tenant, name, deleted, e.Version); err != nil {
		return fmt.Errorf("save the row of %s: %w", e.Stream, err)
	}
	return nil
}
