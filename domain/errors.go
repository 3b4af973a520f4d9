package domain

import (
	"fmt"
	"strings"

	"github.com/contrail-events/contrail/domain/rule"
)

// ErrNotFound says that there is no such aggregate for this tenant. Errors that wrap it name what was looked for.
var ErrNotFound = rule.ErrNotFound

// The rules on a command as a whole, beside those of the aggregates.
var (
	ErrVersion        = rule.Refused("the aggregate is at another version: read it again and decide anew")
	ErrReferenceTaken = rule.Refused("the reference is taken, also if what has it is deleted: use that one, or give another reference")
	ErrKeyReused      = rule.Invalid("was used for another command, or for the same with other arguments: give each command a key of its own")
	ErrKey            = rule.Invalid("is no idempotency key: give 1 to 255 printable ASCII characters")
	ErrReferenceFixed = rule.Invalid("is given once and for all when the aggregate is made: leave it out")
	ErrNoVersion      = rule.Invalid("is no version: give 1 or more")
)

// The rules on what a list is to select.
var (
	ErrLimit  = rule.Invalid("is out of range: give 1 to 200")
	ErrAfter  = rule.Invalid("is no id: give the last one of the page before")
	ErrStatus = rule.Invalid("is no status of these: leave it out for all that are not deleted")
	ErrFilter = rule.Invalid("selects nothing of this kind: leave it out")
)

func notFound(category, id string, at At) error {
	hint := "check the id"
	if at != (At{}) {
		hint += ", and whether it was there at that version or time"
	}
	return fmt.Errorf("%s %.60q: %w: %s", category, id, ErrNotFound, hint)
}

// VersionError says that an aggregate is at none of the versions that [IfVersion] named. It is an [ErrVersion].
type VersionError struct {
	Ref

	Wanted []int64
	Actual int64
}

// Error names the aggregate and its version.
func (e *VersionError) Error() string {
	wanted := strings.Trim(strings.ReplaceAll(fmt.Sprint(e.Wanted), " ", " or "), "[]")
	if wanted == "" {
		wanted = "none"
	}
	return fmt.Sprintf("%s-%s is at version %d, wanted was %s: %s", e.Kind, e.ID, e.Actual, wanted, ErrVersion)
}

// Unwrap returns [ErrVersion].
func (e *VersionError) Unwrap() error { return ErrVersion }

// ReferenceError says which of the tenant's aggregates has a reference. It is an [ErrReferenceTaken].
type ReferenceError struct {
	Ref // whose it is

	Reference string
}

// Error names the reference and who has it.
func (e *ReferenceError) Error() string {
	return fmt.Sprintf("reference %q is that of %s-%s: %s", e.Reference, e.Kind, e.ID, ErrReferenceTaken)
}

// Unwrap returns [ErrReferenceTaken].
func (e *ReferenceError) Unwrap() error { return ErrReferenceTaken }
