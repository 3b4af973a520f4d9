package invoicing

import (
	"context"
	"errors"

	"github.com/shopspring/decimal"
)

// LineStatus is what became of one line of an import.
type LineStatus string

// What became of a line.
const (
	LineCreated LineStatus = "created" // by this import
	LineBefore  LineStatus = "before"  // its invoice was there already, and read the same when it was made, or reads so now
	LineNew     LineStatus = "new"     // it would be created, if this were no dry run
	LineRefused LineStatus = "refused" // nothing was done with it: it is to be corrected
	LineFailed  LineStatus = "failed"  // the service could not be asked, or was at fault: it is to be imported again
)

// Outcome is what became of one line.
type Outcome struct {
	Line      int        `json:"line"`                // counted from 1
	Reference string     `json:"reference,omitempty"` // of its invoice, where it could be read
	Status    LineStatus `json:"status"`
	ID        string     `json:"id,omitempty"`     // of its invoice, where it is there
	Field     string     `json:"field,omitempty"`  // that was refused, such as line_items[2].quantity
	Reason    string     `json:"reason,omitempty"` // why it was refused or has failed, and what to do; completes a sentence that begins with Field
	End       int64      `json:"-"`                // of the line in the input, in bytes from the beginning

	read        Invoice
	interrupted bool // nothing is known of it
}

// Text is Field and Reason in one line, or "".
func (o Outcome) Text() string { return (&LineError{Field: o.Field, Reason: o.Reason}).Error() }

// outcome is what became of a line that was posted, or that was bad.
func outcome(ctx context.Context, read Invoice, placed placed, err error) Outcome {
	told := Outcome{Line: read.Line, Reference: read.Reference, End: read.End, ID: placed.id, Status: LineBefore, read: read}
	fault, bad := errors.AsType[*LineError](err)
	switch {
	case err == nil && placed.isNew && placed.id == "":
		told.Status = LineNew
	case err == nil && placed.isNew:
		told.Status = LineCreated
	case err == nil:
	case bad:
		told.Status, told.Field, told.Reason = LineRefused, fault.Field, fault.Reason
	case isRefusal(err):
		told.Status, told.Reason = LineRefused, err.Error()
	default:
		told.Status, told.Reason = LineFailed, err.Error()
		told.interrupted = ctx.Err() != nil
	}
	return told
}

// ImportSummary counts the lines of an import by what became of them.
type ImportSummary struct {
	Lines         int               `json:"lines"` // that were told of
	Created       int               `json:"created"`
	Before        int               `json:"before"`
	New           int               `json:"new"`
	Refused       int               `json:"refused"`
	Failed        int               `json:"failed"`
	Organisations Created           `json:"organisations"` // in a dry run New are those that would be made
	Contacts      Created           `json:"contacts"`      // likewise
	Totals        map[string]string `json:"totals"`        // what the lines that are neither refused nor have failed add up to, by currency
	DryRun        bool              `json:"dry_run"`
	Complete      bool              `json:"complete"` // the input was read to its end

	sums map[string]decimal.Decimal
}

// OK tells whether every line of the input is, or could be, there.
func (s *ImportSummary) OK() bool { return s.Complete && s.Refused+s.Failed == 0 }

// add counts one more line.
func (s *ImportSummary) add(told Outcome) {
	s.Lines++
	switch told.Status {
	case LineCreated:
		s.Created++
	case LineBefore:
		s.Before++
	case LineNew:
		s.New++
	case LineRefused:
		s.Refused++
		return
	case LineFailed:
		s.Failed++
		return
	}
	code := told.read.CurrencyCode
	if amount, err := decimal.NewFromString(told.read.SubTotal.Amount()); err == nil { // it was printed from one
		s.sums[code] = s.sums[code].Add(amount)
		s.Totals[code] = s.sums[code].StringFixed(-amount.Exponent())
	}
}
