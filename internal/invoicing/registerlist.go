package invoicing

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/domain"
	"github.com/contrail-events/contrail/internal/sqltext"
)

// listSQL walks the primary key, or the index of an organisation, a contact or a reference, and looks at each status on the way. For
// each row it walks the stream in the unique index on (stream, version). The conditions and the limit follow.
const listSQL = `SELECT r.kind || '-' || r.id, ARRAY(SELECT e.position FROM contrail.events e WHERE e.stream = r.kind || '-' || r.id)
FROM invoicing.register r`

// listed is one aggregate of a list.
type listed struct {
	stream    string
	positions []int64
}

// List implements [domain.Register] with two statements, however many aggregates there are.
func (s session) List(ctx context.Context, query domain.ListQuery) ([][]contrail.Recorded, error) {
	conditions, args := listConditions(query)
	rows, err := s.tx.Query(ctx, listSQL+conditions, args...)
	if err != nil {
		return nil, fmt.Errorf("read the register: %w", err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (one listed, err error) {
		err = row.Scan(&one.stream, &one.positions)
		return one, err //nolint:wrapcheck // it is wrapped below
	})
	if err != nil {
		return nil, fmt.Errorf("read the register: %w", err)
	}
	return s.streams(ctx, all)
}

// streams reads the events of them all at once.
func (s session) streams(ctx context.Context, all []listed) ([][]contrail.Recorded, error) {
	var positions []contrail.Position
	for _, one := range all {
		for _, position := range one.positions {
			positions = append(positions, contrail.Position(position))
		}
	}
	events, err := s.store.At(ctx, s.tx, positions...)
	if err != nil {
		return nil, err
	}
	byStream := make(map[string][]contrail.Recorded, len(all))
	for _, recorded := range events {
		byStream[recorded.Stream.String()] = append(byStream[recorded.Stream.String()], recorded)
	}
	streams := make([][]contrail.Recorded, len(all))
	for n, one := range all {
		streams[n] = byStream[one.stream]
		slices.SortFunc(streams[n], func(a, b contrail.Recorded) int { return cmp.Compare(a.Version, b.Version) })
	}
	return streams, nil
}

func listConditions(query domain.ListQuery) (text string, args []any) {
	var where sqltext.Where
	where.And(`r.tenant_id = ?`, query.TenantID)
	where.And(`r.kind = ?`, query.Kind)
	if query.After != "" {
		where.And(`r.id > ?`, query.After)
	}
	if query.OrganisationID != "" {
		where.And(`r.organisation_id = ? AND r.organisation_id <> ''`, query.OrganisationID)
	}
	if query.ContactID != "" {
		where.And(`r.contact_id = ? AND r.contact_id <> ''`, query.ContactID)
	}
	if query.Reference != "" {
		where.And(`r.reference = ? AND r.reference <> ''`, query.Reference)
	}
	switch {
	case query.Status == "" && query.Reference != "":
	case query.Status == "" || query.Status == domain.StatusLive:
		where.And(`r.status <> ?`, domain.StatusDeleted)
	default:
		where.And(`r.status = ?`, query.Status)
	}
	order := ` ORDER BY r.id`
	if query.Reference != "" { // one at most has it: in a table that was never analyzed, the order would tempt the planner to walk the whole primary key
		order = ""
	}
	return where.String() + order + where.Bound(` LIMIT ?`, query.Limit), where.Args
}
