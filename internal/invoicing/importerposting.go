package invoicing

import (
	"fmt"
	"strconv"

	"github.com/contrail-events/contrail/domain/contact"
	"github.com/contrail-events/contrail/domain/invoice"
	"github.com/contrail-events/contrail/domain/organisation"
)

// Posting is what an import posts: a [PostOrganisation], a [PostContact] or a [PostInvoice]. Two postings of one kind can be compared.
type Posting interface {
	// Kind is the category of the aggregate's stream.
	Kind() string

	// Ref is its reference, by which it is found again.
	Ref() string

	// parts are all that it says, in an order of its own.
	parts() []part
}

// part is one value that a posting holds, under the name that a line of the input has for it.
type part struct{ field, value string }

// PostOrganisation asks for an organisation.
type PostOrganisation struct {
	Reference string
	Name      string
}

// PostContact asks for a contact of an organisation that is there.
type PostContact struct {
	Reference      string
	OrganisationID string
	Details        contact.Details
}

// PostInvoice asks for a draft, to a contact that is there.
type PostInvoice struct {
	Reference      string
	OrganisationID string
	ContactID      string
	CurrencyCode   string
	DueDate        invoice.Date
	DraftedOn      invoice.Date // zero: the day on which it is posted
	LineItems      []invoice.LineItem
}

// Kind is "organisation".
func (PostOrganisation) Kind() string { return organisation.Category }

// Kind is "contact".
func (PostContact) Kind() string { return contact.Category }

// Kind is "invoice".
func (PostInvoice) Kind() string { return invoice.Category }

// Ref is the organisation's reference.
func (p PostOrganisation) Ref() string { return p.Reference }

// Ref is the contact's reference, unique among all of the tenant's.
func (p PostContact) Ref() string { return p.Reference }

// Ref is the invoice's reference.
func (p PostInvoice) Ref() string { return p.Reference }

func (p PostOrganisation) parts() []part { return []part{{"name", p.Name}} }

func (p PostContact) parts() []part {
	return []part{
		{"organisation", p.OrganisationID},
		{"first_name", p.Details.FirstName},
		{"last_name", p.Details.LastName},
		{"email", p.Details.Email},
	}
}

func (p PostInvoice) parts() []part {
	parts := []part{
		{"organisation", p.OrganisationID},
		{"contact", p.ContactID},
		{"currency_code", p.CurrencyCode},
		{"due_date", p.DueDate.String()},
		{"line_items", strconv.Itoa(len(p.LineItems)) + " of them"},
	}
	for n, line := range p.LineItems {
		field := fmt.Sprintf("line_items[%d].", n)
		parts = append(parts, part{field + "description", line.Description}, part{field + "unit_amount", line.UnitAmount.String()},
			part{field + "quantity", strconv.Itoa(line.Quantity)})
	}
	return parts
}

// difference is the first part in which what is there reads otherwise than what is wanted; nil: there is none. On what day an invoice was drafted
// is no part of it, since most lines leave that to the import.
func difference(wanted, there Posting) *LineError {
	theirs := there.parts()
	for n, ours := range wanted.parts() {
		switch {
		case n >= len(theirs) || theirs[n] == ours:
		case ours.field == organisation.Category || ours.field == contact.Category: // ids mean nothing to the writer of an input
			return fieldFault(ours.field, "is there already, and reads otherwise: %s %q belongs to another one; give it a reference of its own",
				wanted.Kind(), cut(wanted.Ref()))
		default:
			return fieldFault(ours.field, "is there already, and reads otherwise: %q there, %q here; correct the line, or give it a reference of its own",
				cut(theirs[n].value), cut(ours.value))
		}
	}
	return nil
}
