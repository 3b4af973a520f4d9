package rule

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxIDLength is how many characters the id of an aggregate may have.
const MaxIDLength = 100

// The rules on text.
var (
	ErrBlank       = Invalid("is empty: fill it in")
	ErrTooLong     = Invalid("is too long: shorten it")
	ErrUnprintable = Invalid("has a control character, a line break or is no UTF-8: remove it") // PostgreSQL's jsonb can't hold a NUL
)

// Text checks a text of one line that must not be blank, and have at most limit characters.
func Text(field, value string, limit int) *FieldError {
	switch count := utf8.RuneCountInString(value); {
	case !utf8.ValidString(value) || strings.ContainsFunc(value, isUnprintable):
		return At(field, ErrUnprintable)
	case !strings.ContainsFunc(value, isVisible):
		return At(field, ErrBlank)
	case count > limit:
		return At(field, fmt.Errorf("%w (it has %d characters, %d are allowed)", ErrTooLong, count, limit))
	}
	return nil
}

// ID checks the id of an aggregate, as a text of at most MaxIDLength characters.
func ID(field, value string) *FieldError { return Text(field, value, MaxIDLength) }

// isUnprintable tells of control characters, and of the two line breaks of Unicode that are none.
func isUnprintable(r rune) bool {
	return unicode.IsControl(r) || r == '\u2028' || r == '\u2029'
}

// isVisible tells of characters that leave a mark. Fillers of Hangul count as letters, selectors of variants as marks and the empty
// cell of braille as a symbol, though nobody sees them.
func isVisible(r rune) bool {
	const emptyBraille = '\u2800'
	return unicode.IsGraphic(r) && r != emptyBraille &&
		!unicode.In(r, unicode.White_Space, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}
