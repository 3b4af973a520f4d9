package invoicing

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/contrail-events/contrail/domain/contact"
	"github.com/contrail-events/contrail/domain/invoice"
	"github.com/contrail-events/contrail/domain/organisation"
	"github.com/contrail-events/contrail/domain/rule"
)

// lineReader reads one input.
type lineReader struct {
	lines    *bufio.Reader
	config   InputConfig
	fallback Organisation
	memory   inputMemory

	line int   // that was read last, counted from 1
	end  int64 // of the line, in bytes from the beginning
}

func newLineReader(from io.Reader, config InputConfig) *lineReader {
	return &lineReader{
		lines: bufio.NewReaderSize(from, config.MaxLineBytes+len("\r\n")), config: config,
		fallback: Organisation{Reference: referenceOf(config.Organisation), Name: config.Organisation}, memory: newInputMemory(),
	}
}

// read yields line after line.
func (r *lineReader) read(yield func(Invoice, error) bool) {
	for empty := true; ; {
		text, fault, err := r.next()
		if err != nil && !errors.Is(err, io.EOF) {
			yield(Invoice{}, fmt.Errorf("read the input: %w", err))
			return
		}
		if len(text) > 0 || fault != nil {
			empty = false
			if !yield(r.take(text, fault)) {
				return
			}
		}
		if err != nil {
			if empty {
				yield(Invoice{}, ErrNoInvoice)
			}
			return
		}
	}
}

// next is the text of the next line, which is valid until the next call. A line that is too long is passed over without being held.
func (r *lineReader) next() (text []byte, fault *LineError, err error) {
	r.line++
	text, err = r.lines.ReadSlice('\n')
	r.end += int64(len(text))
	if errors.Is(err, bufio.ErrBufferFull) {
		fault = fieldFault("", "is longer than %d bytes: split it, or raise the limit", r.config.MaxLineBytes)
		for errors.Is(err, bufio.ErrBufferFull) {
			text, err = r.lines.ReadSlice('\n')
			r.end += int64(len(text))
		}
		text = nil
	}
	if r.line == 1 {
		text = bytes.TrimPrefix(text, []byte("\ufeff"))
	}
	return bytes.TrimSpace(text), fault, err
}

// take makes an invoice of a line's text, unless there is a fault already.
func (r *lineReader) take(text []byte, fault *LineError) (Invoice, error) {
	var read Invoice
	if fault == nil {
		read, fault = parseLine(text, r.fallback)
	}
	read.Line, read.End = r.line, r.end
	if fault == nil {
		fault = r.check(read)
	}
	if fault != nil {
		fault.Line = r.line
		return Invoice{Line: r.line, End: r.end}, fault
	}
	r.memory.keep(read)
	return read, nil
}

// check compares a line with those before it, and asks the domain for all else, with ids that stand for the ones to come.
func (r *lineReader) check(read Invoice) *LineError {
	if fault := checkReferences(read); fault != nil {
		return fault
	}
	if fault := r.memory.contradiction(read); fault != nil {
		return fault
	}
	if rule.Time("at", read.draftedAt(r.config.Now)) != nil {
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
		DueDate: read.DueDate, LineItems: read.LineItems, DraftedOn: read.draftedOn(r.config.Now), At: r.config.Now,
	})
	return ruleFault("", err)
}
