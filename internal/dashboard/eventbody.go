package dashboard

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"html/template"
	"strings"
	"unicode"
	"unicode/utf8"
)

// bodyIndented is how many bytes of indentation the JSON form of a page may have for an event's data.
const bodyIndented = 8 << 20

// How much of a JSON document a page shows by default, and at all; and how deep it is indented: what is nested deeper stands in one line.
const (
	bodyShown  = 32 << 10
	bodyMost   = 2 << 20
	bodyIndent = 24
)

// jsonBody is a JSON document for a page: indented, escaped, and harmless whatever is in it.
type jsonBody struct {
	HTML  template.HTML // the text; strings that run from right to left are isolated, so that they leave what stands beside them in its place
	Bytes int           // of the document
	Cut   bool          // there is more than HTML shows
}

// newJSONBody makes one, of all of the document, or of its beginning. What is no JSON is shown as text.
func newJSONBody(data json.RawMessage, all bool) jsonBody {
	w := &jsonWriter{most: bodyShown}
	if all {
		w.most = bodyMost
	}
	w.write(data)
	return jsonBody{HTML: template.HTML(w.out.String()), Bytes: len(data), Cut: w.full()} //nolint:gosec // it is escaped, string by string, below
}

// jsonWriter goes through a document once, byte by byte: a document a thousand levels deep takes no more than a flat one.
type jsonWriter struct {
	out   strings.Builder
	most  int
	depth int
	cut   bool // in the midst of a string
}

func (w *jsonWriter) full() bool { return w.cut || w.out.Len() >= w.most }

func (w *jsonWriter) write(data []byte) {
	for i := 0; i < len(data) && !w.full(); {
		switch c := data[i]; c {
		case '"':
			end := endOfString(data, i)
			w.text(data[i:end])
			i = end
			continue
		case '{', '[':
			if empty := emptyUntil(data, i); empty > 0 {
				w.out.WriteString(string(data[i]) + string(data[empty]))
				i = empty + 1
				continue
			}
			w.depth++
			w.out.WriteByte(c)
			w.line()
		case '}', ']':
			w.depth--
			if w.depth+1 <= bodyIndent {
				w.line()
			}
			w.out.WriteByte(c)
		case ',':
			w.out.WriteByte(c)
			w.line()
		case ':':
			w.out.WriteString(": ")
		case ' ', '\n', '\r', '\t':
		default:
			end := i
			for end < len(data) && !bytes.ContainsRune([]byte(`{}[],:" `+"\n\r\t"), rune(data[end])) {
				end++
			}
			w.text(data[i:end])
			i = end
			continue
		}
		i++
	}
}

// line begins another line, unless it would be indented too far.
func (w *jsonWriter) line() {
	if w.depth > bodyIndent {
		w.out.WriteByte(' ')
		return
	}
	w.out.WriteByte('\n')
	for range w.depth {
		w.out.WriteString("  ")
	}
}

// text writes a string, or another value, with its control characters as escapes, which is the same JSON.
func (w *jsonWriter) text(value []byte) {
	if left := max(0, w.most-w.out.Len()); len(value) > left {
		for left > 0 && !utf8.RuneStart(value[left]) {
			left--
		}
		value = value[:left]
		w.cut = true
	}
	shown := html.EscapeString(spelled(string(value)))
	if strings.ContainsFunc(shown, rightToLeft) {
		shown = "<bdi>" + shown + "</bdi>"
	}
	w.out.WriteString(shown)
}

// spelled has escapes, as JSON has them, in place of characters that can't be seen, or that turn the text around them.
func spelled(text string) string {
	if !strings.ContainsFunc(text, unseen) {
		return text
	}
	var out strings.Builder
	for _, r := range text {
		switch {
		case !unseen(r):
			out.WriteRune(r)
		case r > 0xFFFF:
			fmt.Fprintf(&out, `\u{%X}`, r)
		default:
			fmt.Fprintf(&out, `\u%04X`, r)
		}
	}
	return out.String()
}

// unseen tells whether a character is one that a page shall not contain as it is: those that control, but for the two that join letters.
func unseen(r rune) bool {
	const nonJoiner, joiner = '\u200C', '\u200D'
	return r != nonJoiner && r != joiner && (unicode.Is(unicode.Cc, r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r))
}

// rightToLeft tells whether a character belongs to a script that runs so.
func rightToLeft(r rune) bool {
	return r >= 0x0590 && r <= 0x08FF || r >= 0xFB1D && r <= 0xFDFF || r >= 0xFE70 && r <= 0xFEFF || r >= 0x10800 && r <= 0x10FFF || r >= 0x1E800 && r <= 0x1EFFF
}

// endOfString is one behind the string that begins at i.
func endOfString(data []byte, i int) int {
	for i++; i < len(data); i++ {
		switch data[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(data)
}

// emptyUntil is where an object or array ends that begins at i and has nothing in it; zero: it has.
func emptyUntil(data []byte, i int) int {
	for n := i + 1; n < len(data); n++ {
		switch data[n] {
		case ' ', '\n', '\r', '\t':
		case '}', ']':
			return n
		default:
			return 0
		}
	}
	return 0
}

// indentation is how many bytes it takes to put a document into indented lines.
func indentation(data []byte) int {
	total, depth := 0, 0
	for i := 0; i < len(data); {
		switch data[i] {
		case '"':
			i = endOfString(data, i)
			continue
		case '{', '[':
			depth++
			total += 2 * depth
		case '}', ']':
			depth--
			total += 2 * depth
		case ',':
			total += 2 * depth
		}
		i++
	}
	return total
}
