package invoicing

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"

	"github.com/contrail-events/contrail/domain/contact"
	"github.com/contrail-events/contrail/domain/invoice"
	"github.com/contrail-events/contrail/domain/organisation"
	"github.com/contrail-events/contrail/domain/rule"
)

// DefaultMaxLineBytes is more than the longest invoice that makes an event.
const DefaultMaxLineBytes = 1 << 20

// InputConfig says how to read. The zero value works.
type InputConfig struct {
	// Organisation names the sender of the invoices that name none. What no name may have is taken out of it, since it is not in the input and
	// could not be corrected there. Default, also where nothing is left: "Main organisation".
	Organisation string
	// Strict refuses the whole input when one line is bad. Default: bad lines are listed in Input.Rejected.
	Strict bool
	// MaxLineBytes bounds a line. Default: DefaultMaxLineBytes.
	MaxLineBytes int
	// Now is the time as of which invoices that are not due yet will be drafted. Default: the time of the call.
	Now time.Time
}

// Input is what was read: it is held in memory as a whole, since a strict reader has to see the end before anything is done.
type Input struct {
	Invoices []Invoice
	Rejected LineErrors // the bad lines
	Now      time.Time
}

// reader reads one input.
type reader struct {
	config   InputConfig
	fallback Organisation
	input    Input

	references    map[string]int          // the line where an invoice's reference stands
	organisations map[string]Organisation // by reference
	contacts      map[[2]string]Contact   // by the references of organisation and contact
}

// ReadInput reads one invoice a line, as a JSON object:
//
//	{"reference":"a-1","contact":{"reference":"c-1","first_name":"Ada","last_name":"Byron","email":"ada@example.org"},"currency_code":"EUR",
//	 "due_date":"2026-01-31","line_items":[{"description":"Tea","unit_amount":{"amount":"2.50","currency_code":"EUR"},"quantity":2}],
//	 "sub_total":{"amount":"5.00","currency_code":"EUR"}}
//
// and, where not all are from one organisation, "organisation":{"reference":"o-1","name":"Apex"}. Lines may end with CR LF, a byte order mark
// may come first, and empty lines are skipped. A line is bad when it is not JSON, has a field that is unknown, missing or of the wrong type,
// breaks a rule of the domain, does not add up, repeats a reference, or tells something else of a contact or an organisation than a line
// before it.
//
// The error is that of r, [ErrNoInvoice] for an input of nothing but empty lines, or, with Strict, [LineErrors].
func ReadInput(r io.Reader, config InputConfig) (Input, error) {
	config.Organisation = organisationName(config.Organisation)
	if config.MaxLineBytes <= 0 {
		config.MaxLineBytes = DefaultMaxLineBytes
	}
	if config.Now.IsZero() {
		config.Now = time.Now()
	}
	reading := reader{
		config: config, fallback: Organisation{Reference: "main", Name: config.Organisation}, input: Input{Now: config.Now},
		references: map[string]int{}, organisations: map[string]Organisation{}, contacts: map[[2]string]Contact{},
	}
	if err := reading.read(r); err != nil {
		return Input{}, fmt.Errorf("read the input: %w", err)
	}
	switch input := reading.input; {
	case len(input.Invoices)+len(input.Rejected) == 0:
		return Input{}, ErrNoInvoice
	case config.Strict && len(input.Rejected) > 0:
		return Input{}, input.Rejected
	default:
		return input, nil
	}
}

// organisationName makes a name of any text, such as a file's name.
func organisationName(text string) string {
	printable := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, " "))
	letters := []rune(strings.TrimSpace(printable))
	name := string(letters[:min(len(letters), organisation.MaxNameLength)])
	if rule.Text("name", name, organisation.MaxNameLength) != nil {
		return "Main organisation"
	}
	return name
}

// read takes line after line. One that is too long is passed over without being held.
func (r *reader) read(from io.Reader) error {
	lines := bufio.NewReaderSize(from, r.config.MaxLineBytes+len("\r\n"))
	for number := 1; ; number++ {
		text, err := lines.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			r.fault(number, fieldFault("", "is longer than %d bytes: split it, or raise the limit", r.config.MaxLineBytes))
			for errors.Is(err, bufio.ErrBufferFull) {
				_, err = lines.ReadSlice('\n')
			}
			text = nil
		}
		if number == 1 {
			text = bytes.TrimPrefix(text, []byte("\ufeff"))
		}
		if text = bytes.TrimSpace(text); len(text) > 0 {
			r.take(number, text)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err //nolint:wrapcheck // ReadInput wraps it
		}
	}
}

func (r *reader) fault(line int, fault *LineError) {
	fault.Line = line
	r.input.Rejected = append(r.input.Rejected, fault)
}

func (r *reader) take(number int, text []byte) {
	read, fault := parseLine(text, r.fallback)
	if fault == nil {
		fault = r.check(read)
	}
	if fault != nil {
		r.fault(number, fault)
		return
	}
	read.Line = number
	r.references[read.Reference] = number
	r.organisations[read.Organisation.Reference] = read.Organisation
	r.contacts[read.contactKey()] = read.Contact
	r.input.Invoices = append(r.input.Invoices, read)
}

func (i *Invoice) contactKey() [2]string {
	return [2]string{i.Organisation.Reference, i.Contact.Reference}
}

// check compares a line with those before it, and asks the domain for all else, with ids that stand for the ones to come.
func (r *reader) check(read Invoice) *LineError {
	if fault := checkReferences(read); fault != nil {
		return fault
	}
	if line, taken := r.references[read.Reference]; taken {
		return fieldFault("reference", "%q is that of line %d, too", cut(read.Reference), line)
	}
	if before, known := r.organisations[read.Organisation.Reference]; known && before != read.Organisation {
		return fieldFault("organisation", "%q was named %q before", cut(read.Organisation.Reference), before.Name)
	}
	if before, known := r.contacts[read.contactKey()]; known && before != read.Contact {
		return fieldFault("contact", "%q had other details before", cut(read.Contact.Reference))
	}
	draftedAt := read.draftedAt(r.config.Now)
	if rule.Time("at", draftedAt) != nil {
		return fieldFault("due_date", "%q is too early: thirty days before it there must be a day to draft the invoice on", read.DueDate)
	}
	_, err := organisation.Decide(organisation.State{}, organisation.Create{ID: "organisation", Name: read.Organisation.Name})
	if fault := ruleFault("organisation", err); fault != nil {
		return fault
	}
	_, err = contact.Decide(contact.State{}, contact.Create{ID: "contact", OrganisationID: "organisation", Details: read.Contact.Details})
	if fault := ruleFault("contact", err); fault != nil {
		return fault
	}
	_, err = invoice.Decide(invoice.State{}, invoice.Draft{
		ID: "invoice", OrganisationID: "organisation", ContactID: "contact", CurrencyCode: read.CurrencyCode,
		DueDate: read.DueDate, LineItems: read.LineItems, At: draftedAt,
	})
	return ruleFault("", err)
}
