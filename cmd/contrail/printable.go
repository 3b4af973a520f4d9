package main

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// printable writes a text in one line, and what would not be shown but done by a terminal as an escape: control characters as \u001b, and turns
// of the direction of writing as \u202e. Such escapes mean the same in JSON.
func printable(text string) string {
	return escaped(breaks.ReplaceAllString(text, " "), hidden)
}

// hidden is true of what a terminal does instead of showing it.
func hidden(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029'
}

// escaped writes as escapes what is hidden, and bytes that are no text as �.
func escaped(text string, isHidden func(rune) bool) string {
	if utf8.ValidString(text) && strings.IndexFunc(text, isHidden) < 0 {
		return text
	}
	var safe strings.Builder
	for _, r := range text {
		if isHidden(r) {
			fmt.Fprintf(&safe, `\u%04x`, r)
			continue
		}
		safe.WriteRune(r)
	}
	return safe.String()
}

// shown is what printf writes: lines and tabs stay, and so do the colours of our own; nothing else reaches the terminal that it would do.
func (a *app) shown(text string) string {
	if !a.coloured() {
		return escaped(text, hiddenInLines)
	}
	var safe strings.Builder
	for text != "" {
		next := strings.IndexByte(text, '\x1b')
		if next < 0 {
			next = len(text)
		}
		safe.WriteString(escaped(text[:next], hiddenInLines))
		text = text[next:]
		if text == "" {
			break
		}
		code := ownColour(text)
		if code == "" {
			code = text[:1]
			safe.WriteString(escaped(code, hiddenInLines))
		} else {
			safe.WriteString(code)
		}
		text = text[len(code):]
	}
	return safe.String()
}

func hiddenInLines(r rune) bool { return r != '\n' && r != '\t' && hidden(r) }

// shownJSON is JSON in which a terminal finds nothing to do: the encoder leaves the upper control characters as they are.
func shownJSON(text []byte) []byte {
	return []byte(escaped(string(text), hiddenInLines))
}

// shownLog is a writer for log lines in JSON, likewise.
type shownLog struct{ io.Writer }

// Write takes whole lines.
func (w shownLog) Write(line []byte) (int, error) {
	if _, err := w.Writer.Write(shownJSON(line)); err != nil {
		return 0, err //nolint:wrapcheck // a writer's own
	}
	return len(line), nil
}
