package webhook

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/contrail-events/contrail"
)

// validate reports every fault at once. It expects the defaults to be filled in.
func (e Endpoint) validate() error {
	faults := []error{
		checkLine("Consumer", e.Consumer, true),
		checkLine("Tenant", e.Tenant, false),
		checkLine("Description", e.Description, false),
		checkLine("CreatedBy", e.CreatedBy, false),
		checkRange("Concurrency", e.Concurrency, 1, maxConcurrency),
		checkRange("Timeout", e.Timeout, minTimeout, maxTimeout),
		checkRange("MaxAttempts", e.MaxAttempts, 1, mostAttempts),
	}
	if err := checkURL(e.URL, e.Private); err != nil {
		faults = append(faults, fmt.Errorf("%s: %w", "URL", err))
	}
	for _, category := range e.Categories {
		if contrail.NewStreamID(category, "1").Validate() != nil {
			faults = append(faults, fmt.Errorf("%s: %q is not a category; it is made of letters, digits and '_'", "Categories", category))
		}
	}
	for _, eventType := range e.Types {
		if (contrail.Event{Type: eventType}).Validate() != nil {
			faults = append(faults, fmt.Errorf("%s: %q is not an event type; it is made of letters, digits and '_', a letter first", "Types", eventType))
		}
	}
	return errors.Join(faults...)
}

// wants tells whether an endpoint gets events of a tenant, category and type.
func (e Endpoint) wants(event contrail.Recorded) bool {
	return (e.Tenant == "" || e.Tenant == event.Metadata[contrail.KeyTenantID]) &&
		(len(e.Categories) == 0 || slices.Contains(e.Categories, event.Stream.Category())) &&
		(len(e.Types) == 0 || slices.Contains(e.Types, event.Type))
}

// checkLine wants a line of text that can be shown.
func checkLine(field, text string, required bool) error {
	switch {
	case required && strings.TrimSpace(text) == "":
		return fmt.Errorf("%s is required", field)
	case len(text) > maxDescription:
		return fmt.Errorf("%s: %d bytes are too many; give %d at most", field, len(text), maxDescription)
	case !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl):
		return fmt.Errorf("%s: %q must be UTF-8 without control characters", field, text)
	}
	return nil
}

func checkRange[T int | time.Duration](field string, value, least, most T) error {
	if value < least || value > most {
		return fmt.Errorf("%s: %v is not between %v and %v", field, value, least, most)
	}
	return nil
}

func orDefault[T comparable](value, fallback T) T {
	var zero T
	if value == zero {
		return fallback
	}
	return value
}
