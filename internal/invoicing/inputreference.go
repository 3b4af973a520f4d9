package invoicing

import "github.com/contrail-events/contrail/domain/rule"

const maxReferenceLength = 200

// checkReferences looks at the names that the writer of an input gives, which are no business of the domain's.
func checkReferences(read Invoice) *LineError {
	return ruleFault("", rule.Check(
		rule.Text("reference", read.Reference, maxReferenceLength),
		rule.Text("organisation.reference", read.Organisation.Reference, maxReferenceLength),
		rule.Text("contact.reference", read.Contact.Reference, maxReferenceLength),
	))
}
