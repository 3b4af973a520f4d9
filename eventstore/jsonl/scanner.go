package jsonl

import (
	"bytes"
	"strconv"
	"unicode/utf8"

	"github.com/contrail-events/contrail"
)

// maxDepth of nested arrays and objects is that of encoding/json.
const maxDepth = 10_000

// scanner walks over JSON text (RFC 8259) once. It refuses what is no JSON, and what PostgreSQL could not hold as jsonb: text that is not
// UTF-8, \u0000 and lone surrogates.
type scanner struct {
	text []byte
	at   int
	size int // bounds what was walked over as the text of a jsonb, as eventstore's limit counts it
}

// notJSON says what was expected, and what stands there instead.
func (s *scanner) notJSON(reason string) error {
	if s.at >= len(s.text) {
		return &contrail.InvalidError{What: "JSON", Value: string(s.text), Reason: "ends too early: " + reason + "; was it cut off?"}
	}
	return s.unfit("is not what JSON has there: " + reason)
}

// unfit says what is wrong with what stands there.
func (s *scanner) unfit(reason string) error {
	rest := s.text[s.at:]
	return &contrail.InvalidError{What: "text at byte " + strconv.Itoa(s.at+1), Value: string(rest[:min(len(rest), 30)]), Reason: reason}
}

// space skips white space.
func (s *scanner) space() {
	for s.at < len(s.text) {
		switch s.text[s.at] {
		case ' ', '\t', '\r', '\n':
			s.at++
		default:
			return
		}
	}
}

// next skips white space and returns the byte that follows, 0 at the end.
func (s *scanner) next() byte {
	s.space()
	if s.at == len(s.text) {
		return 0
	}
	return s.text[s.at]
}

// take skips white space and one byte, which must be the one given.
func (s *scanner) take(want byte) error {
	if s.next() != want {
		return s.notJSON("expected '" + string(rune(want)) + "'")
	}
	s.at++
	return nil
}

// value walks over one value of any kind, and returns its text.
func (s *scanner) value(depth int) ([]byte, error) {
	first := s.next()
	begin := s.at
	var err error
	switch {
	case first == '{':
		err = s.object(depth)
	case first == '[':
		err = s.array(depth)
	case first == '"':
		_, err = s.quoted()
		s.size += s.at - begin
	case first == '-' || first >= '0' && first <= '9':
		err = s.number()
	default:
		err = s.word(first)
	}
	return s.text[begin:s.at], err
}

func (s *scanner) word(first byte) error {
	word := map[byte]string{'t': "true", 'f': "false", 'n': "null"}[first]
	if word == "" || !bytes.HasPrefix(s.text[s.at:], []byte(word)) {
		return s.notJSON("expected a value")
	}
	s.at += len(word)
	s.size += len(word)
	return nil
}

func (s *scanner) object(depth int) error {
	return s.members(depth, '}', func() error {
		if s.next() != '"' {
			return s.notJSON("expected a key in quotes")
		}
		begin := s.at
		if _, err := s.quoted(); err != nil {
			return err
		}
		s.size += s.at - begin + len(": ")
		if err := s.take(':'); err != nil {
			return err
		}
		_, err := s.value(depth + 1)
		return err
	})
}

func (s *scanner) array(depth int) error {
	return s.members(depth, ']', func() error {
		_, err := s.value(depth + 1)
		return err
	})
}

// members walks over what stands between two brackets, separated by commas.
func (s *scanner) members(depth int, closing byte, member func() error) error {
	if depth > maxDepth {
		return s.unfit("is nested more than 10,000 deep")
	}
	s.at++
	s.size += len("[]")
	if s.next() == closing {
		s.at++
		return nil
	}
	for {
		if err := member(); err != nil {
			return err
		}
		switch s.next() {
		case ',':
			s.at++
			s.size += len(", ")
		case closing:
			s.at++
			return nil
		default:
			return s.notJSON("expected ',' or '" + string(rune(closing)) + "'")
		}
	}
}

// number walks over a number. PostgreSQL writes it out without an exponent.
func (s *scanner) number() error {
	begin := s.at
	s.skip('-')
	if !s.skip('0') && !s.digits() {
		return s.notJSON("expected a digit")
	}
	if s.skip('.') && !s.digits() {
		return s.notJSON("expected a digit behind the point")
	}
	if s.skip('e') || s.skip('E') {
		if !s.skip('-') {
			s.skip('+')
		}
		from := s.at
		if !s.digits() {
			return s.notJSON("expected the digits of the exponent")
		}
		exponent, err := strconv.Atoi(string(s.text[from:s.at]))
		if err != nil || exponent > 1<<20 {
			exponent = 1 << 20 // beyond every limit, and jsonb's own
		}
		s.size += exponent
	}
	s.size += s.at - begin
	return nil
}

func (s *scanner) skip(c byte) bool {
	if s.at < len(s.text) && s.text[s.at] == c {
		s.at++
		return true
	}
	return false
}

func (s *scanner) digits() bool {
	begin := s.at
	for s.at < len(s.text) && s.text[s.at] >= '0' && s.text[s.at] <= '9' {
		s.at++
	}
	return s.at > begin
}

// quoted walks over a string and returns what stands between its quotes, still escaped.
func (s *scanner) quoted() ([]byte, error) {
	s.at++
	begin := s.at
	for s.at < len(s.text) {
		switch c := s.text[s.at]; {
		case c == '"':
			s.at++
			return s.text[begin : s.at-1], nil
		case c == '\\':
			if err := s.escape(); err != nil {
				return nil, err
			}
		case c < ' ':
			return nil, s.notJSON("control characters in a string are escaped")
		case c < utf8.RuneSelf:
			s.at++
		default:
			r, size := utf8.DecodeRune(s.text[s.at:])
			if r == utf8.RuneError && size == 1 {
				return nil, s.unfit("is not UTF-8")
			}
			s.at += size
		}
	}
	return nil, s.notJSON("a string has no end")
}
