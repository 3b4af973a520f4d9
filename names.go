package contrail

import (
	"strings"
	"unicode/utf8"
)

// Sizes that the event store allows, in bytes.
const (
	MaxStreamBytes = 200 // a whole stream id: category, '-', id
	MaxTypeBytes   = 100 // an event type
)

func isLetter(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' }

func isWord(r rune) bool { return isLetter(r) || r >= '0' && r <= '9' || r == '_' }

// isSubjectSafe tells whether a rune may stand in a stream's id: anything printable but white space and what a NATS subject
// keeps for itself. The table's constraint draws the same line; a test compares the two over every code point.
func isSubjectSafe(r rune) bool {
	if strings.ContainsRune(".*>", r) || r == utf8.RuneError {
		return false
	}
	for _, bounds := range unprintable() {
		if r >= bounds[0] && r <= bounds[1] {
			return false
		}
	}
	return true
}

// unprintable lists the ranges of code points that are white space, control, formatting, private or no characters at all.
func unprintable() [][2]rune {
	return [][2]rune{
		{0x00, 0x20}, {0x7F, 0xA0}, {0xAD, 0xAD}, // C0, space, DEL, C1, no-break space, soft hyphen
		{0x061C, 0x061C}, {0x1680, 0x1680}, {0x180E, 0x180E}, // Arabic letter mark, Ogham space, Mongolian separator
		{0x2000, 0x200F}, {0x2028, 0x202F}, {0x205F, 0x206F}, // spaces, zero width, direction marks
		{0x3000, 0x3000}, {0xD800, 0xF8FF}, {0xFEFF, 0xFEFF}, // ideographic space, surrogates and private use, byte order mark
		{0xFFF0, 0xFFFB}, {0xFFFE, 0xFFFF}, {0xE0000, 0x10FFFF}, // specials, no characters, tags and private planes
	}
}

// checkType reports what is wrong with an event type, or "".
func checkType(name string) string {
	switch {
	case name == "":
		return "is empty; name what happened, such as InvoiceDrafted"
	case len(name) > MaxTypeBytes:
		return "is longer than 100 bytes"
	case !isLetter(rune(name[0])) || strings.ContainsFunc(name, func(r rune) bool { return !isWord(r) }):
		return "must be ASCII letters, digits and '_', beginning with a letter"
	}
	return ""
}
