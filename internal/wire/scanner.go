package wire

import (
	"encoding/json"
	"unicode/utf8"
)

// scanner reads JSON whose layout is known, as long as it fits. What it returns is part of the text where that is possible, and nothing of
// use once the text does not fit.
type scanner[T string | []byte] struct {
	rest  T
	unfit bool
}

func (s *scanner[T]) skip(text string) {
	if len(s.rest) < len(text) || string(s.rest[:len(text)]) != text {
		s.unfit = true
		return
	}
	s.rest = s.rest[len(text):]
}

// take returns the next n bytes.
func (s *scanner[T]) take(n int) T {
	taken := s.rest[:n]
	s.rest = s.rest[n:]
	return taken
}

// after returns what the JSON string behind text says.
func (s *scanner[T]) after(text string) T {
	s.skip(text)
	return s.quoted()
}

// quoted returns what a JSON string says.
func (s *scanner[T]) quoted() (text T) {
	s.skip(`"`)
	plain := true
	for i := range len(s.rest) {
		switch c := s.rest[i]; {
		case c == '"':
			text = s.take(i + 1)[:i]
			s.unfit = s.unfit || !plain && !utf8.ValidString(string(text))
			return text
		case c == '\\':
			return s.escaped()
		case c < ' ':
			s.unfit = true
			return text
		case c >= utf8.RuneSelf:
			plain = false
		}
	}
	s.unfit = true
	return text
}

// escaped is quoted for a string with escapes, once its first quote has been taken.
func (s *scanner[T]) escaped() T {
	var text string
	for i := 0; i < len(s.rest); i++ {
		switch s.rest[i] {
		case '\\':
			i++
		case '"':
			s.unfit = json.Unmarshal([]byte(`"`+string(s.take(i+1))), &text) != nil || s.unfit
			return T(text)
		}
	}
	s.unfit = true
	return T(text)
}

// digits returns a number as JSON has it, with neither sign nor fraction.
func (s *scanner[T]) digits() T {
	n := 0
	for n < len(s.rest) && s.rest[n] >= '0' && s.rest[n] <= '9' {
		n++
	}
	s.unfit = s.unfit || n == 0 || n > 1 && s.rest[0] == '0'
	return s.take(n)
}
