package contact

import "time"

// MaxNameLength is how many characters a first or a last name may have.
const MaxNameLength = 200

// Command is one of [Create], [Update] and [Delete].
//
//sumtype:decl
type Command interface{ isCommand() }

// Create asks for a new contact. That the organisation exists is the caller's to check.
type Create struct {
	ID             string
	OrganisationID string
	Details        Details
	Reference      string // the client's own name for it, at most rule.MaxReferenceLength characters; "": none. That it is free is the caller's to check
}

// Update replaces all details.
type Update struct {
	Details Details
}

// Delete asks for the end of a contact.
type Delete struct {
	At time.Time
}

func (Create) isCommand() {}
func (Update) isCommand() {}
func (Delete) isCommand() {}
