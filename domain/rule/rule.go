package rule

import "errors"

// The kinds of a rule.
var (
	ErrInvalid  = errors.New("invalid")   // correct what was given
	ErrRefused  = errors.New("refused")   // the aggregate's state does not allow it
	ErrNotFound = errors.New("not found") // no such aggregate for this tenant
)

// Error is one rule: declared once by the package that enforces it, and compared by identity.
type Error struct {
	kind error
	text string
}

// Invalid declares a rule on what is given. The text says what is wrong, and after a colon or a semicolon what to do.
func Invalid(text string) error { return &Error{kind: ErrInvalid, text: text} }

// Refused declares a rule on an aggregate's state.
func Refused(text string) error { return &Error{kind: ErrRefused, text: text} }

// NotFound declares the rule that an aggregate must exist.
func NotFound(text string) error { return &Error{kind: ErrNotFound, text: text} }

// Error is the rule's text.
func (e *Error) Error() string { return e.text }

// Unwrap returns the rule's kind.
func (e *Error) Unwrap() error { return e.kind }
