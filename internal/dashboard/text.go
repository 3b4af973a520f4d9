package dashboard

import (
	"encoding/json"
	"fmt"
	"html/template"
	"reflect"
	"strings"
	"unicode"
	"unicode/utf8"
)

// plainText writes a text from elsewhere in one piece: isolated, so that what is written from right to left does not disturb its surroundings, and with
// what can't be seen made visible.
func plainText(value any) template.HTML {
	v, known := settled(value)
	if !known {
		return ""
	}
	return template.HTML(`<bdi>` + legible(fmt.Sprint(v.Interface())) + `</bdi>`) //nolint:gosec // legible escapes it
}

// legible escapes a text, and makes control characters and those that change the direction visible, but for line ends and tabs.
func legible(text string) string {
	if !strings.ContainsFunc(text, hidden) && utf8.ValidString(text) {
		return template.HTMLEscapeString(text)
	}
	var made strings.Builder
	for _, r := range text {
		if hidden(r) || r == utf8.RuneError {
			fmt.Fprintf(&made, `<span class="control">U+%04X</span>`, r)
			continue
		}
		template.HTMLEscape(&made, []byte(string(r)))
	}
	return made.String()
}

// hidden tells whether a character can't be seen, or changes how others are seen.
func hidden(r rune) bool {
	return r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029')
}

// deepest is how far prettyJSON indents: behind it the lines would be longer than what they say.
const deepest = 32

// prettyJSON writes JSON, given as such or as a value, in lines; what is no JSON as it stands.
func prettyJSON(value any) template.HTML {
	var text []byte
	switch given := value.(type) {
	case []byte:
		text = given
	case json.RawMessage:
		text = given
	case string:
		text = []byte(given)
	default:
		var err error
		if v := reflect.ValueOf(value); v.IsValid() && v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8 {
			text = v.Bytes()
		} else if text, err = json.Marshal(value); err != nil {
			text = []byte(err.Error())
		}
	}
	shown := string(text)
	if json.Valid(text) {
		shown = indented(text)
	}
	return template.HTML(`<pre class="json" dir="auto" tabindex="0" role="region" aria-label="JSON">` + legible(shown) + `</pre>`) //nolint:gosec // legible escapes it
}

// indented puts valid JSON into lines, each indented by two spaces a level, to a bound.
func indented(text []byte) string {
	var made strings.Builder
	made.Grow(2 * len(text))
	depth, quoted, escaped, empty := 0, false, false, false
	line := func() {
		made.WriteByte('\n')
		made.WriteString(strings.Repeat("  ", min(depth, deepest)))
	}
	for i, c := range text {
		if quoted {
			made.WriteByte(c)
			quoted = escaped || c != '"'
			escaped = !escaped && c == '\\'
			continue
		}
		switch c {
		case ' ', '\t', '\r', '\n':
		case '"':
			quoted = true
			made.WriteByte(c)
		case '{', '[':
			made.WriteByte(c)
			depth++
			if empty = closes(text[i+1:]); !empty {
				line()
			}
		case '}', ']':
			depth--
			if !empty {
				line()
			}
			empty = false
			made.WriteByte(c)
		case ',':
			made.WriteByte(c)
			line()
		case ':':
			made.WriteString(": ")
		default:
			made.WriteByte(c)
		}
	}
	return made.String()
}

// closes tells whether the next thing is the end of an object or an array.
func closes(rest []byte) bool {
	for _, c := range rest {
		switch c {
		case ' ', '\t', '\r', '\n':
		default:
			return c == '}' || c == ']'
		}
	}
	return false
}

// tone is how a state is coloured, besides its name: good, busy, waiting, bad or none.
func tone(state any) string {
	v, known := settled(state)
	if !known {
		return "none"
	}
	switch strings.ToLower(fmt.Sprint(v.Interface())) {
	case "ok", "done", "leading", "handled", "succeeded", "delivered", "completed", "active", "up", "closed", "published", "running", "healthy":
		return "good"
	case "standby", "begun", "pending", "scheduled", "sending", "busy", "requeued", "in hand", "rebuilding", "note", "info":
		return "busy"
	case "warning", "paused", "held", "waiting", "partial", "stopping", "retrying", "retried", "half-open", "cancelled", "canceled", "skipped", "unknown", "uncertain":
		return "waiting"
	case "danger", "failed", "parked", "gone", "down", "dead", "dead_letter", "exhausted", "refused", "disabled", "open", "error", "lost", "undeliverable":
		return "bad"
	}
	return "none"
}
