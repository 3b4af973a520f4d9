package invoice

import "time"

// Command is one of [Draft], [Update], [Issue], [Pay], [Void] and [Delete].
//
//sumtype:decl
type Command interface{ isCommand() }

// Draft asks for a new invoice. That organisation and contact exist and belong together is the caller's to check.
type Draft struct {
	ID             string
	OrganisationID string
	ContactID      string
	CurrencyCode   string     // ISO 4217, in use on DraftedOn
	DueDate        Date       // not before DraftedOn
	LineItems      []LineItem // 1 to MaxLineItems, all in CurrencyCode
	Reference      string     // the client's own name for it, at most rule.MaxReferenceLength characters; "": none. That it is free is the caller's to check
	DraftedOn      Date       // not after the day of At, in UTC, which zero means
	At             time.Time
}

// Update replaces a draft's due date and all its lines. Organisation and currency stay.
type Update struct {
	ContactID string     // "": as before. That it exists and belongs to the organisation is the caller's to check
	DueDate   Date       // not before the day on which the invoice was drafted
	LineItems []LineItem // 1 to MaxLineItems, all in the invoice's currency
}

// Issue asks for a draft to become due.
type Issue struct{ At time.Time }

// Pay says that an issued invoice was paid.
type Pay struct{ At time.Time }

// Void takes back a draft or an issued invoice.
type Void struct{}

// Delete removes an invoice in whatever status.
type Delete struct{ At time.Time }

func (Draft) isCommand()  {}
func (Update) isCommand() {}
func (Issue) isCommand()  {}
func (Pay) isCommand()    {}
func (Void) isCommand()   {}
func (Delete) isCommand() {}
