package invoicing

import (
	"io"
	"iter"
	"strings"
	"time"
	"unicode"

	"github.com/contrail-events/contrail/domain/organisation"
	"github.com/contrail-events/contrail/domain/rule"
)

// DefaultMaxLineBytes is more than the longest invoice that makes an event.
const DefaultMaxLineBytes = 1 << 20

// InputConfig says how to read. The zero value works.
type InputConfig struct {
	// Organisation names the sender of the invoices that name none; the name is its reference, too. What no name may have is taken out of it,
	// since it is not in the input and could not be corrected there. Default, also where nothing is left: "Main organisation".
	Organisation string
	// Strict has ReadInput refuse the whole input when one line is bad. Default: bad lines are listed in Input.Rejected.
	Strict bool
	// MaxLineBytes bounds a line. Default: DefaultMaxLineBytes.
	MaxLineBytes int
	// Now is the time as of which invoices that are not due yet will be drafted. Default: the time of the call.
	Now time.Time
}

// Input is what was read, as a whole: for those who take the same invoices through several steps.
type Input struct {
	Invoices []Invoice
	Rejected LineErrors // the bad lines
	Now      time.Time
}

// Lines reads one invoice a line, as a JSON object, and yields each as soon as it is read:
//
//	{"reference":"a-1","contact":{"reference":"c-1","first_name":"Ada","last_name":"Byron","email":"ada@example.org"},"currency_code":"EUR",
//	 "due_date":"2026-01-31","line_items":[{"description":"Tea","unit_amount":{"amount":"2.50","currency_code":"EUR"},"quantity":2}],
//	 "sub_total":{"amount":"5.00","currency_code":"EUR"}}
//
// and, where not all are from one organisation, "organisation":{"reference":"o-1","name":"Apex"}; an old one may say "drafted_on":"2026-01-01".
// Lines may end with CR LF, a byte order mark may come first, and empty lines are skipped. A line is bad when it is not JSON, has a field that is
// unknown, missing or of the wrong type, breaks a rule of the domain, does not add up, repeats a reference, or tells something else of a contact
// or an organisation than a line before it.
//
// A bad line is yielded as a [*LineError], with an Invoice that has nothing but Line and End, and the lines behind it follow. Any other error
// ends the sequence: that of r, or [ErrNoInvoice] for an input of nothing but empty lines.
func Lines(r io.Reader, config InputConfig) iter.Seq2[Invoice, error] {
	return func(yield func(Invoice, error) bool) { newLineReader(r, config.withDefaults()).read(yield) }
}

// ReadInput reads all [Lines]. The error is that of r, [ErrNoInvoice], or, with Strict, [LineErrors].
func ReadInput(r io.Reader, config InputConfig) (Input, error) {
	config = config.withDefaults()
	input := Input{Now: config.Now}
	for read, err := range Lines(r, config) {
		fault, bad := err.(*LineError) //nolint:errorlint // Lines yields them bare
		switch {
		case bad:
			input.Rejected = append(input.Rejected, fault)
		case err != nil:
			return Input{}, err
		default:
			input.Invoices = append(input.Invoices, read)
		}
	}
	if config.Strict && len(input.Rejected) > 0 {
		return Input{}, input.Rejected
	}
	return input, nil
}

func (c InputConfig) withDefaults() InputConfig {
	c.Organisation = organisationName(c.Organisation)
	if c.MaxLineBytes <= 0 {
		c.MaxLineBytes = DefaultMaxLineBytes
	}
	if c.Now.IsZero() {
		c.Now = time.Now()
	}
	return c
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
