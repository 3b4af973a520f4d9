// Package sanitize makes text from elsewhere harmless before it is kept or logged: what a mail server or an HTTP endpoint has answered, and the text of
// errors.
package sanitize

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limit is the length, in bytes, that [Text] cuts at unless it is told otherwise.
const Limit = 1024

// mark stands for what was masked.
const mark = "[masked]"

// Text returns s as valid UTF-8 of at most limit bytes, on one line, without control characters and without characters that change how others
// are shown. Values of things that are named like secrets are masked, as are credentials in URLs. A limit of zero is [Limit].
//
// It works on the names and the shapes of things, so it can't find a secret that stands for itself.
func Text(s string, limit int) string {
	if limit <= 0 {
		limit = Limit
	}
	// What is masked is at least as long as its mark but for a few bytes, so what comes behind this can't be kept.
	if most := 8 * limit; len(s) > most {
		s = s[:most]
	}
	return Cut(oneLine(mask(strings.Map(plain, strings.ToValidUTF8(s, string(utf8.RuneError))))), limit)
}

// plain makes a space of what separates, but for line ends, and drops what can't be seen, so that neither keeps a name or its value from being found.
func plain(r rune) rune {
	switch {
	case r == '\r', r == '\n':
		return r
	case unicode.IsSpace(r), unicode.IsControl(r), unicode.Is(unicode.Zl, r), unicode.Is(unicode.Zp, r):
		return ' '
	case unicode.Is(unicode.Cf, r), unicode.Is(unicode.Co, r):
		return -1
	}
	return r
}

// oneLine replaces each run of spaces and line ends by one space.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// Cut returns the first part of valid UTF-8, of at most limit bytes; if that is not all, it ends in '…'.
func Cut(s string, limit int) string {
	const more = "…"
	if len(s) <= limit {
		return s
	}
	end := max(limit-len(more), 0)
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + more[:min(len(more), limit)/len(more)*len(more)]
}
