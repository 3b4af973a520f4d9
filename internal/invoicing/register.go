package invoicing

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/domain"
)

// holdSQL locks the rows that it returns against nothing but a deletion. It walks the primary key and, for each row, the end of its
// stream in the unique index on (stream, version).
const holdSQL = `SELECT r.kind, r.id, r.tenant_id, r.organisation_id, r.contact_id, r.reference, r.status, r.version
FROM invoicing.register r
WHERE r.tenant_id = $1 AND r.kind = ANY($2) AND r.id = ANY($3)
  AND r.version >= (SELECT coalesce(max(e.version), 0) FROM contrail.events e WHERE e.stream = r.kind || '-' || r.id)
FOR KEY SHARE OF r`

// Hold implements [domain.Register].
func (s session) Hold(ctx context.Context, tenantID string, refs ...domain.Ref) ([]domain.Entry, error) {
	kinds, ids := make([]string, len(refs)), make([]string, len(refs))
	for n, ref := range refs {
		kinds[n], ids[n] = ref.Kind, ref.ID
	}
	rows, err := s.tx.Query(ctx, holdSQL, tenantID, kinds, ids)
	if err != nil {
		return nil, fmt.Errorf("read the register: %w", err)
	}
	entries, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (e domain.Entry, err error) {
		err = row.Scan(&e.Kind, &e.ID, &e.TenantID, &e.OrganisationID, &e.ContactID, &e.Reference, &e.Status, &e.Version)
		return e, err //nolint:wrapcheck // it is wrapped below
	})
	if err != nil {
		return nil, fmt.Errorf("read the register: %w", err)
	}
	return entries, nil
}

// Each locks one row, by the primary key: against other changes, but not against those who hold it, and against these, too.
const (
	lockSQL = `SELECT FROM invoicing.register WHERE tenant_id = $1 AND kind = $2 AND id = $3 FOR NO KEY UPDATE`
	takeSQL = `SELECT FROM invoicing.register WHERE tenant_id = $1 AND kind = $2 AND id = $3 FOR UPDATE`
)

// Lock implements [domain.Register].
func (s session) Lock(ctx context.Context, tenantID string, ref domain.Ref) error {
	_, err := s.tx.Exec(ctx, lockSQL, tenantID, ref.Kind, ref.ID)
	return err //nolint:wrapcheck // the domain says what was locked
}

// Each writes one row. The insert waits for a rival with the same primary key or reference, and then yields.
const (
	insertSQL = `INSERT INTO invoicing.register (tenant_id, kind, id, organisation_id, contact_id, reference, status, version)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING`
	updateSQL = `UPDATE invoicing.register SET contact_id = $4, status = $5, version = $6
WHERE tenant_id = $1 AND kind = $2 AND id = $3 AND version < $6`
)

// Save implements [domain.Register].
func (s session) Save(ctx context.Context, entry domain.Entry) error {
	if entry.Version > 1 {
		updated, err := s.update(ctx, entry)
		if updated || err != nil {
			return err
		}
	}
	inserted, err := s.tx.Exec(ctx, insertSQL, entry.TenantID, entry.Kind, entry.ID,
		entry.OrganisationID, entry.ContactID, entry.Reference, entry.Status, entry.Version)
	if err != nil {
		return fmt.Errorf("insert into the register: %w", err)
	}
	if inserted.RowsAffected() == 0 {
		return s.whyNot(ctx, entry)
	}
	return nil
}

func (s session) update(ctx context.Context, entry domain.Entry) (bool, error) {
	if entry.Status == domain.StatusDeleted {
		taken, err := s.tx.Exec(ctx, takeSQL, entry.TenantID, entry.Kind, entry.ID)
		if err != nil {
			return false, fmt.Errorf("lock the entry: %w", err)
		}
		if taken.RowsAffected() == 0 { // an entry that is written in this very moment may be held already: the update would pass by
			return false, nil
		}
	}
	updated, err := s.tx.Exec(ctx, updateSQL, entry.TenantID, entry.Kind, entry.ID, entry.ContactID, entry.Status, entry.Version)
	if err != nil {
		return false, fmt.Errorf("update the register: %w", err)
	}
	return updated.RowsAffected() > 0, nil
}

// inTheWaySQL walks the primary key and the unique index on references, also in a table that was never analyzed, and names the aggregate itself
// first.
const inTheWaySQL = `SELECT id FROM (
  SELECT id FROM invoicing.register WHERE tenant_id = $1 AND kind = $2 AND id = $3
  UNION ALL
  SELECT id FROM invoicing.register WHERE tenant_id = $1 AND kind = $2 AND reference = $4 AND reference <> ''
) AS found ORDER BY id <> $3`

// whyNot tells what was in the way of an insert.
func (s session) whyNot(ctx context.Context, entry domain.Entry) error {
	rows, err := s.tx.Query(ctx, inTheWaySQL, entry.TenantID, entry.Kind, entry.ID, entry.Reference)
	if err != nil {
		return fmt.Errorf("look what is in the way: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	switch {
	case err != nil:
		return fmt.Errorf("look what is in the way: %w", err)
	case len(ids) > 0 && ids[0] != entry.ID:
		return &domain.ReferenceError{Ref: domain.Ref{Kind: entry.Kind, ID: ids[0]}, Reference: entry.Reference}
	}
	return fmt.Errorf("%s-%s is as new in the register, or newer: %w", entry.Kind, entry.ID, contrail.ErrConflict)
}
