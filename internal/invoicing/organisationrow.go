package invoicing

import (
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"github.com/contrail-events/contrail/domain/organisation"
)

// organisationRow is what the newest of an organisation's events tells.
type organisationRow struct {
	id, tenantID, name string
	deletedAt          time.Time
	version            int64
}

// organisationRows are those that a batch tells of, by id.
type organisationRows map[string]organisationRow

func (rows organisationRows) fold(f fact) error {
	row := organisationRow{id: f.Stream.ID(), tenantID: f.tenant, version: f.Version}
	switch event := f.organisation.(type) {
	case organisation.Created:
		row.name = event.Organisation.Name
	case organisation.Updated:
		row.name = event.Organisation.Name
	case organisation.Deleted:
		row.name, row.deletedAt = event.Organisation.Name, event.Organisation.DeletedAt
	}
	before, told := rows[row.id]
	switch {
	case told && before.tenantID != row.tenantID:
		return errForeign
	case row.version > before.version:
		rows[row.id] = row
	}
	return nil
}

// saveOrganisationSQL locks one row, which an older event, and one of another tenant, leave as it is.
const saveOrganisationSQL = `INSERT INTO summary_organisations AS o (id, tenant_id, name, deleted_at, version) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (id) DO UPDATE SET name = excluded.name, deleted_at = excluded.deleted_at, version = excluded.version
WHERE excluded.version > o.version AND excluded.tenant_id = o.tenant_id`

func (rows organisationRows) save(batch *pgx.Batch) {
	for _, row := range rows {
		batch.Queue(saveOrganisationSQL, row.id, row.tenantID, row.name, zeronull.Timestamptz(row.deletedAt), row.version)
	}
}
