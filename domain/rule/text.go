package rule

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The rules on text.
var (
	ErrBlank       = Invalid("is empty: fill it in")
	ErrTooLong     = Invalid("is too long: shorten it")
	ErrUnprintable = Invalid("has a control character or is no UTF-8: remove it") // PostgreSQL's jsonb can't hold a NUL
)

// Text checks a text of one line that must not be blank, and have at most limit characters.
func Text(field, value string, limit int) *FieldError {
	switch count := utf8.RuneCountInString(value); {
	case !utf8.ValidString(value) || strings.ContainsFunc(value, unicode.IsControl):
		return At(field, ErrUnprintable)
	case !strings.ContainsFunc(value, isVisible):
		return At(field, ErrBlank)
	case count > limit:
		return At(field, fmt.Errorf("%w (it has %d characters, %d are allowed)", ErrTooLong, count, limit))
	}
	return nil
}

func isVisible(r rune) bool { return unicode.IsGraphic(r) && !unicode.IsSpace(r) }
