package sanitize

import "strings"

// secretNames are parts of the names of things whose values are masked, in lower case, without '-', '_' and space.
func secretNames() []string {
	return []string{
		"password", "passwd", "passphrase", "secret", "token", "authorization", "cookie", "apikey", "credential", "privatekey", "accesskey", "signingkey",
	}
}

// secretPrefixes begin values that are secrets whatever they are called: keys of well-known makers, and JSON web tokens.
func secretPrefixes() []string {
	return []string{"whsec_", "sk_live_", "sk_test_", "xoxb-", "xoxp-", "ghp_", "github_pat_", "eyJ"}
}

// mask replaces the values of what is named like a secret.
func mask(s string) string {
	m := masker{rest: s}
	for m.rest != "" {
		m.step()
	}
	return m.done.String()
}

type masker struct {
	done strings.Builder
	rest string
}

// take moves n bytes over.
func (m *masker) take(n int) string {
	taken := m.rest[:n]
	m.done.WriteString(taken)
	m.rest = m.rest[n:]
	return taken
}

// hide drops n bytes, and leaves the mark.
func (m *masker) hide(n int) {
	if n > 0 {
		m.done.WriteString(mark)
		m.rest = m.rest[n:]
	}
}

// step goes past one word, and the value behind it, or to the next word.
func (m *masker) step() {
	if strings.HasPrefix(m.rest, "://") {
		m.take(len("://"))
		m.hide(userinfo(m.rest))
		return
	}
	length := wordLength(m.rest)
	if length == 0 {
		m.take(1)
		return
	}
	word := m.rest[:length]
	if isSecret(word) {
		m.hide(length)
		return
	}
	m.take(length)
	name := normal(word)
	switch {
	case name == "api" && strings.HasPrefix(normal(strings.TrimLeft(m.rest, " ")), "key"): // two words in prose
		m.take(len(m.rest) - len(strings.TrimLeft(m.rest, " ")))
		m.take(wordLength(m.rest))
		m.value(false)
	case name == "bearer", name == "basic", name == "digest":
		m.credentials()
	case isNamedSecret(name):
		m.value(strings.Contains(name, "authorization") || strings.Contains(name, "cookie"))
	}
}

// value masks what stands behind a name and ':', '=' or '>', or their forms in URLs. wide: it goes on to the end of the line or the quotation.
func (m *masker) value(wide bool) {
	before := prefixLength(m.rest, `"'\ `)
	separator := 0
	for _, candidate := range []string{"=>", ":=", ":", "=", ">", "%3D", "%3d", "%3A", "%3a"} {
		if strings.HasPrefix(m.rest[before:], candidate) {
			separator = len(candidate)
			break
		}
	}
	if separator == 0 {
		return
	}
	tag := m.take(before + separator)
	spaces := " \r\n"
	if wide {
		spaces = " "
	}
	opening := m.take(prefixLength(m.rest, `"'\`+spaces))
	quote := strings.IndexAny(opening, `"'`)
	switch {
	case quote >= 0:
		m.hide(quoted(m.rest, opening[quote], strings.HasPrefix(opening[:quote], `\`)))
	case strings.HasSuffix(tag, ">") && !strings.HasSuffix(tag, "=>"):
		m.hide(until(m.rest, "<"))
	case strings.HasPrefix(m.rest, "{"), strings.HasPrefix(m.rest, "["):
		m.hide(bracketed(m.rest))
	case wide:
		m.hide(until(m.rest, "\r\n\"'<"))
	default:
		m.hide(until(m.rest, " \t\r\n&,;)}]\"'<>\\"))
	}
}

// credentials masks those behind the name of a scheme of HTTP authentication, if they are long enough to be some.
func (m *masker) credentials() {
	spaces := prefixLength(m.rest, " ")
	length := until(m.rest[spaces:], " \t\r\n,;\"'<>\\")
	if spaces > 0 && length >= 6 && wordLength(m.rest[spaces:]) > 0 {
		m.take(spaces)
		m.hide(length)
	}
}

// userinfo is the length of a URL's user and password, without the '@'.
func userinfo(s string) int {
	end := strings.IndexAny(s, "/?# \t\r\n\"'<>")
	if end < 0 {
		end = len(s)
	}
	return max(strings.LastIndexByte(s[:end], '@'), 0)
}

func isSecret(word string) bool {
	const least = 16 // bytes that a key has at least
	if len(word) < least {
		return false
	}
	for _, prefix := range secretPrefixes() {
		if strings.HasPrefix(word, prefix) {
			return true
		}
	}
	return false
}

func isNamedSecret(name string) bool {
	if name == "pwd" || name == "pin" || name == "otp" {
		return true
	}
	for _, part := range secretNames() {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}

func normal(word string) string {
	return strings.ToLower(strings.NewReplacer("-", "", "_", "", ".", "").Replace(word))
}

// wordLength is that of the name, or the key, that s begins with.
func wordLength(s string) int {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.' {
			return i
		}
	}
	return len(s)
}

func prefixLength(s, of string) int { return len(s) - len(strings.TrimLeft(s, of)) }

func until(s, stops string) int {
	if end := strings.IndexAny(s, stops); end >= 0 {
		return end
	}
	return len(s)
}

// quoted is the length up to the quotation mark that ends what s begins with. In JSON that is itself a string in JSON, both marks stand behind a '\';
// otherwise a mark behind one is part of the text.
func quoted(s string, mark byte, escaped bool) int {
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == mark:
			return i
		case s[i] == '\\' && escaped:
			return i
		case s[i] == '\\':
			i++
		}
	}
	return len(s)
}

// bracketed is the length of the JSON array or object that s begins with.
func bracketed(s string) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			i += 1 + quoted(s[i+1:], '"', false)
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return len(s)
}
