package rule

import "strings"

// FieldError is a fault in one field of what was given. It is an [ErrInvalid], whatever rule it wraps.
type FieldError struct {
	Field string // the field's name on the wire, as in line_items[2].quantity
	Err   error  // the rule that it breaks
}

// At puts a field to the rule that it breaks; nil stays nil.
func At(field string, err error) *FieldError {
	if err == nil {
		return nil
	}
	return &FieldError{Field: field, Err: err}
}

// Error is the field and the rule.
func (e *FieldError) Error() string { return e.Field + " " + e.Err.Error() }

// Unwrap returns the rule and [ErrInvalid].
func (e *FieldError) Unwrap() []error { return []error{e.Err, ErrInvalid} }

// FieldErrors are all faults of one command, in the order of its fields.
type FieldErrors []*FieldError

// Check returns the faults that are not nil as [FieldErrors], or nil when there are none.
func Check(faults ...*FieldError) error {
	var found FieldErrors
	for _, fault := range faults {
		if fault != nil {
			found = append(found, fault)
		}
	}
	if len(found) == 0 {
		return nil
	}
	return found
}

// Error is one line.
func (e FieldErrors) Error() string {
	texts := make([]string, len(e))
	for i, fault := range e {
		texts[i] = fault.Error()
	}
	return strings.Join(texts, "; ")
}

// Unwrap returns the faults.
func (e FieldErrors) Unwrap() []error {
	faults := make([]error, len(e))
	for i, fault := range e {
		faults[i] = fault
	}
	return faults
}
