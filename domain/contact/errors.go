package contact

import "github.com/contrail-events/contrail/domain/rule"

// The rules on a contact, beside package rule's on its names.
var (
	ErrExists     = rule.Refused("the contact exists already: update it, or create another with its own id")
	ErrNotCreated = rule.NotFound("there is no such contact: create it first")
	ErrDeleted    = rule.Refused("the contact is deleted, and nothing can be done with it any more: create a new one")
	ErrEmail      = rule.Invalid("is no e-mail address: write it as name@example.com")
)
