package invoicing

import (
	"errors"
	"fmt"

	"github.com/contrail-events/contrail/domain/rule"
)

// ErrNoInvoice says that there is no invoice in an input.
var ErrNoInvoice = errors.New("there is no invoice in the input: give one a line, as a JSON object")

// LineError is what is wrong with one line of an input.
type LineError struct {
	Line   int    `json:"line"`   // counted from 1; 0: the reader of the error knows
	Field  string `json:"field"`  // such as line_items[2].quantity; "": the line as a whole
	Reason string `json:"reason"` // completes the sentence "line 3: line_items[2].quantity …"
}

// Error is one line.
func (f *LineError) Error() string {
	text := f.Reason
	if f.Field != "" {
		text = f.Field + " " + text
	}
	if f.Line == 0 {
		return text
	}
	return fmt.Sprintf("line %d: %s", f.Line, text)
}

// LineErrors are the bad lines of an input, in its order.
type LineErrors []*LineError

// Error names the first one, and tells how many there are.
func (f LineErrors) Error() string {
	switch len(f) {
	case 0:
		return "no line is bad"
	case 1:
		return f[0].Error()
	case 2:
		return fmt.Sprintf("%s (and 1 more bad line)", f[0])
	}
	return fmt.Sprintf("%s (and %d more bad lines)", f[0], len(f)-1)
}

// fieldFault is a fault whose line the caller knows.
func fieldFault(field, format string, args ...any) *LineError {
	return &LineError{Field: field, Reason: fmt.Sprintf(format, args...)}
}

// ruleFault is what the domain says about what stands at prefix. Of several faults it names the first field and tells all of them.
func ruleFault(prefix string, err error) *LineError {
	if err == nil {
		return nil
	}
	if fault, is := errors.AsType[*LineError](err); is {
		return &LineError{Field: join(prefix, fault.Field), Reason: fault.Reason}
	}
	faults, many := errors.AsType[rule.FieldErrors](err)
	if !many || len(faults) == 0 {
		return &LineError{Field: prefix, Reason: err.Error()}
	}
	fault := &LineError{Field: join(prefix, faults[0].Field), Reason: faults[0].Err.Error()}
	for _, other := range faults[1:] {
		fault.Reason += fmt.Sprintf("; %s %s", join(prefix, other.Field), other.Err)
	}
	return fault
}

// within says of what belongs to an invoice what went wrong with it.
func within(kind string, err error) error {
	if fault, is := errors.AsType[*LineError](err); is {
		return ruleFault(kind, fault)
	}
	return fmt.Errorf("its %s: %w", kind, err)
}

func join(prefix, field string) string {
	if prefix == "" || field == "" {
		return prefix + field
	}
	return prefix + "." + field
}
