package jsonl

import (
	"bytes"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// escape walks over one escape sequence, or over the two of a surrogate pair.
func (s *scanner) escape() error {
	if s.at+1 == len(s.text) {
		s.at++
		return s.notJSON("a string has no end")
	}
	if s.text[s.at+1] != 'u' {
		if !strings.ContainsRune(`"\/bfnrt`, rune(s.text[s.at+1])) {
			return s.notJSON("there is no such escape sequence")
		}
		s.at += 2
		return nil
	}
	r, ok := codeUnit(s.text[s.at:])
	switch {
	case !ok:
		return s.notJSON(`expected four hexadecimal digits behind \u`)
	case r == 0:
		return s.unfit(`is what PostgreSQL cannot hold: leave \u0000 out`)
	case utf16.IsSurrogate(r):
		low, ok := codeUnit(s.text[s.at+len(`\uD800`):])
		if !ok || utf16.DecodeRune(r, low) == utf8.RuneError {
			return s.unfit("is half of a surrogate pair, which is no character")
		}
		s.at += len(`\uDC00`)
	}
	s.at += len(`\uD800`)
	return nil
}

// codeUnit reads the \u0000 at the beginning of text.
func codeUnit(text []byte) (rune, bool) {
	if len(text) < len(`\u0000`) || text[0] != '\\' || text[1] != 'u' {
		return 0, false
	}
	var unit rune
	for _, c := range text[2:6] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		unit = unit<<4 | rune(c)
	}
	return unit, true
}

// unescape returns what a string says that the scanner has walked over.
func unescape(quoted []byte) string {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return string(quoted)
	}
	said := make([]byte, 0, len(quoted))
	for at := 0; at < len(quoted); {
		if quoted[at] != '\\' {
			said = append(said, quoted[at])
			at++
			continue
		}
		unit, ok := codeUnit(quoted[at:])
		if !ok {
			said = append(said, short(quoted[at+1]))
			at += 2
			continue
		}
		at += len(`\u0000`)
		if utf16.IsSurrogate(unit) {
			low, _ := codeUnit(quoted[at:])
			unit = utf16.DecodeRune(unit, low)
			at += len(`\u0000`)
		}
		said = utf8.AppendRune(said, unit)
	}
	return string(said)
}

// short is what an escape sequence of two characters stands for.
func short(c byte) byte {
	if at := strings.IndexByte("bfnrt", c); at >= 0 {
		return "\b\f\n\r\t"[at]
	}
	return c
}

// appendQuoted writes a string as JSON. What is not UTF-8 becomes U+FFFD.
func appendQuoted(to []byte, text string) []byte {
	to = append(to, '"')
	begin := 0
	for at, r := range text {
		if r >= ' ' && r != '"' && r != '\\' && r != utf8.RuneError {
			continue
		}
		to = append(to, text[begin:at]...)
		begin = at + 1
		if r == utf8.RuneError {
			_, size := utf8.DecodeRuneInString(text[at:])
			begin = at + size
			to = utf8.AppendRune(to, r)
			continue
		}
		to = appendEscaped(to, text[at])
	}
	to = append(to, text[begin:]...)
	return append(to, '"')
}

func appendEscaped(to []byte, c byte) []byte {
	if c >= ' ' {
		return append(to, '\\', c)
	}
	if at := strings.IndexByte("\b\f\n\r\t", c); at >= 0 {
		return append(to, '\\', "bfnrt"[at])
	}
	return append(to, '\\', 'u', '0', '0', '0'+c>>4, "0123456789abcdef"[c&15])
}
