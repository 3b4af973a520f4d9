package organisation

import "time"

// MaxNameLength is how many characters a name may have.
const MaxNameLength = 200

// Command is one of [Create], [Rename] and [Delete].
//
//sumtype:decl
type Command interface{ isCommand() }

// Create asks for a new organisation.
type Create struct {
	ID        string
	Name      string // 1 to MaxNameLength characters
	Reference string // the client's own name for it, at most rule.MaxReferenceLength characters; "": none. That it is free is the caller's to check
}

// Rename asks for another name.
type Rename struct {
	Name string // 1 to MaxNameLength characters
}

// Delete asks for the end of an organisation.
type Delete struct {
	At time.Time
}

func (Create) isCommand() {}
func (Rename) isCommand() {}
func (Delete) isCommand() {}
