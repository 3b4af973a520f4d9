package invoicing

import (
	"crypto/sha256"
	"strings"
)

// digest stands for a text of any length in 16 bytes, which no two of a million inputs' texts will ever share.
type digest [16]byte

// digestOf is that of several texts. None of those that an input is made of has a line break, so none can be mistaken for two.
func digestOf(parts ...string) digest {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\n")))
	return digest(sum[:len(digest{})])
}

// inputMemory is what a reader keeps of the lines before, so that it can tell when a later one contradicts them: some 70 bytes for each invoice
// and each contact, and the organisations.
type inputMemory struct {
	references    map[digest]int          // the line where an invoice's reference stands
	organisations map[string]Organisation // by reference
	contacts      map[digest]digest       // their details, by the references of organisation and contact
}

func newInputMemory() inputMemory {
	return inputMemory{references: map[digest]int{}, organisations: map[string]Organisation{}, contacts: map[digest]digest{}}
}

// contradiction is what a line says otherwise than one before it.
func (m inputMemory) contradiction(read Invoice) *LineError {
	if line, taken := m.references[digestOf(read.Reference)]; taken {
		return fieldFault("reference", "%q is that of line %d, too", cut(read.Reference), line)
	}
	if before, known := m.organisations[read.Organisation.Reference]; known && before != read.Organisation {
		return fieldFault("organisation", "%q was named %q before", cut(read.Organisation.Reference), before.Name)
	}
	if before, known := m.contacts[digestOf(read.contactKey()...)]; known && before != read.Contact.digest() {
		return fieldFault("contact", "%q had other details before", cut(read.Contact.Reference))
	}
	return nil
}

// keep remembers a good line.
func (m inputMemory) keep(read Invoice) {
	m.references[digestOf(read.Reference)] = read.Line
	m.organisations[read.Organisation.Reference] = read.Organisation
	m.contacts[digestOf(read.contactKey()...)] = read.Contact.digest()
}

func (i *Invoice) contactKey() []string {
	return []string{i.Organisation.Reference, i.Contact.Reference}
}

func (c Contact) digest() digest { return digestOf(c.FirstName, c.LastName, c.Email) }
