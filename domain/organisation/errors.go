package organisation

import "github.com/contrail-events/contrail/domain/rule"

// The rules on an organisation's life. Those on its fields are package rule's.
var (
	ErrExists     = rule.Refused("the organisation exists already: rename it, or create another with its own id")
	ErrNotCreated = rule.NotFound("there is no such organisation: create it first")
	ErrDeleted    = rule.Refused("the organisation is deleted, and nothing can be done with it any more: create a new one")
)
