package domain

import (
	"fmt"

	"github.com/contrail-events/contrail/domain/rule"
)

// ErrNotFound says that there is no such aggregate for this tenant. Errors that wrap it name what was looked for.
var ErrNotFound = rule.ErrNotFound

func notFound(category, id string) error {
	return fmt.Errorf("%s %.60q: %w: check the id", category, id, ErrNotFound)
}
