package api

import (
	"context"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/invoicing"
)

// Reader reads the read models: [invoicing.Reader], whose contract it has.
type Reader interface {
	Summary(ctx context.Context, tenant, organisationID string, atLeast contrail.Position) (invoicing.View[invoicing.Summary], error)
	Overdue(ctx context.Context, tenant string, filter invoicing.OverdueFilter, atLeast contrail.Position) (invoicing.View[invoicing.Overdue], error)
	Statement(
		ctx context.Context, tenant, organisationID string, page invoicing.StatementPage, atLeast contrail.Position,
	) (invoicing.View[invoicing.Statement], error)
}
