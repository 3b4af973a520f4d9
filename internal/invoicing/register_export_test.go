package invoicing

import "github.com/contrail-events/contrail/domain"

// HoldSQL is what holds entries.
const HoldSQL = holdSQL

// InTheWaySQL is what finds what was in the way of an insert.
const InTheWaySQL = inTheWaySQL

// ListSQL is what lists entries.
func ListSQL(query domain.ListQuery) (string, []any) {
	conditions, args := listConditions(query)
	return listSQL + conditions, args
}
