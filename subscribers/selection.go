package subscribers

import (
	"errors"
	"fmt"
	"slices"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/wire"
)

// maxFilters bounds the subjects that a consumer filters by; beyond, the rest is left to the process.
const maxFilters = 256

// selection is which events are asked for. An empty list means any.
type selection struct {
	categories, types, tenants []string
}

// has tells whether an event is among them.
func (s selection) has(event contrail.Recorded) bool {
	return has(s.categories, event.Stream.Category()) && s.hasType(event.Type) && has(s.tenants, event.Metadata[contrail.KeyTenantID])
}

func (s selection) hasType(eventType string) bool { return has(s.types, eventType) }

func has(wanted []string, value string) bool {
	return len(wanted) == 0 || slices.Contains(wanted, value)
}

func (s selection) isAll() bool { return len(s.categories)+len(s.types)+len(s.tenants) == 0 }

// filters are the subjects that the broker selects by: as much of the selection as the template of the relay's subjects lets it see.
func (s selection) filters(subjects wire.Subjects) []string {
	for _, values := range []map[string][]string{
		{wire.PlaceCategory: s.categories, wire.PlaceType: s.types, contrail.KeyTenantID: s.tenants},
		{wire.PlaceCategory: s.categories, wire.PlaceType: s.types},
		{wire.PlaceCategory: s.categories},
	} {
		if filters := subjects.Filters(values); len(filters) <= maxFilters {
			return filters
		}
	}
	return []string{subjects.Filter()}
}

// validate reports every fault at once.
func (s selection) validate(filter []string) error {
	var faults []error
	if len(filter) > 0 && !s.isAll() {
		faults = append(faults, fmt.Errorf("%s: give subjects, or Categories, Types and Tenants, not both", "Filter"))
	}
	for _, category := range s.categories {
		if contrail.NewStreamID(category, "1").Validate() != nil {
			faults = append(faults, fmt.Errorf("%s: %q is not a category; it is made of letters, digits and '_'", "Categories", category))
		}
	}
	for _, eventType := range s.types {
		if (contrail.Event{Type: eventType}).Validate() != nil {
			faults = append(faults, fmt.Errorf("%s: %q is not an event type; it is made of letters, digits and '_', a letter first", "Types", eventType))
		}
	}
	if slices.Contains(s.tenants, "") {
		faults = append(faults, fmt.Errorf("%s: a tenant's id is empty", "Tenants"))
	}
	return errors.Join(faults...)
}
