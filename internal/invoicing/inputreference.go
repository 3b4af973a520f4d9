package invoicing

import (
	"strings"

	"github.com/contrail-events/contrail/domain/rule"
)

const maxReferenceLength = 200 // characters, as in the domain

// checkReferences looks at the names that the writer of an input gives, as the domain will.
func checkReferences(read Invoice) *LineError {
	fault := ruleFault("", rule.Check(
		rule.Text("reference", read.Reference, maxReferenceLength),
		rule.Text("organisation.reference", read.Organisation.Reference, maxReferenceLength),
		rule.Text("contact.reference", read.Contact.Reference, maxReferenceLength),
	))
	if fault == nil && rule.Text("", read.contactReference(), maxReferenceLength) != nil {
		fault = fieldFault("contact.reference", "is too long together with the organisation's: shorten one of them")
	}
	return fault
}

// contactReference is a contact's reference in the service, where it must be unique among all of the tenant's. In an input it is so in its
// organisation, whose reference therefore stands before it: up to the first slash, so that no two pairs read the same.
func (i *Invoice) contactReference() string {
	organisation := strings.NewReplacer("%", "%25", "/", "%2F").Replace(i.Organisation.Reference)
	return organisation + "/" + i.Contact.Reference
}

// referenceOf makes a reference of an organisation's name, so short that there is room for those of its contacts.
func referenceOf(name string) string {
	letters := []rune(name)
	return strings.TrimSpace(string(letters[:min(len(letters), maxReferenceLength/2)]))
}
