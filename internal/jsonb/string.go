package jsonb

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// holdsString refuses \u0000, and a surrogate without its other half.
func holdsString(token []byte) bool {
	for i := 0; i < len(token); i++ {
		if token[i] != '\\' {
			continue
		}
		unit, escaped := CodeUnit(token[i:])
		i++ // or else it is an escape such as \n
		if !escaped {
			continue
		}
		if unit == 0 {
			return false
		}
		if utf16.IsSurrogate(unit) {
			low, _ := CodeUnit(token[i+len("u0000"):])
			if utf16.DecodeRune(unit, low) == utf8.RuneError {
				return false
			}
			i += len(`\u0000`)
		}
		i += len("0000")
	}
	return true
}

// CodeUnit reads the escape, such as \u00e4, that text begins with.
func CodeUnit(text []byte) (unit rune, ok bool) {
	if len(text) < len(`\u0000`) || text[0] != '\\' || text[1] != 'u' {
		return 0, false
	}
	value, err := strconv.ParseUint(string(text[2:6]), 16, 16)
	return rune(value), err == nil
}
