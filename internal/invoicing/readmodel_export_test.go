package invoicing

import "github.com/contrail-events/contrail/subscribers"

// ProjectFuncs are the handlers of the three projections, by the name of each.
func ProjectFuncs() map[string]subscribers.ProjectFunc {
	_, summary := newReadModel(subscribers.ProjectionConfig{}, SummaryName)
	_, overdue := newReadModel(subscribers.ProjectionConfig{}, OverdueName)
	_, statement := newReadModel(subscribers.ProjectionConfig{}, StatementName)
	return map[string]subscribers.ProjectFunc{
		SummaryName: summaryModel{summary}.project, OverdueName: overdueModel{overdue}.project, StatementName: statementModel{statement}.project,
	}
}

// The statements that depend on how much there is: of the reader.
const (
	LastBeforeSQL    = lastBeforeSQL
	OverdueSQL       = overdueOfTenantSQL
	OverdueOfSQL     = overdueOfOrganisationSQL
	StatementReadSQL = statementSQL
)
