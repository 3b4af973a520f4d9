package wire

// Peek returns the stream and the type of the event in a message, at a fraction of what [DecodeMessage] takes. False: it is not an event
// of Contrail's. True is no promise that it is one.
func Peek(header map[string][]string, payload []byte) (stream, eventType string, found bool) {
	if isBinary(header) {
		return peekBinary(header)
	}
	s := scanner{rest: payload, fits: true} // what Append writes
	s.skip(`{"specversion":"1.0","id":`)
	s.quoted()
	s.skip(`,"source":`)
	s.quoted()
	s.skip(`,"type":`)
	eventType, _ = unquote(s.quoted())
	s.skip(`,"subject":`)
	stream, _ = unquote(s.quoted())
	if s.fits {
		return stream, eventType, true
	}
	message, err := Decode(payload) // somebody has written it anew
	return message.Stream.String(), message.Type, err == nil
}

func peekBinary(header map[string][]string) (stream, eventType string, found bool) {
	eventType, typed := lookUp(header, attributePrefix+"type")
	escaped, named := lookUp(header, attributePrefix+"subject")
	stream, err := unescape(escaped)
	return stream, eventType, typed && named && err == nil
}

// scanner reads JSON whose layout is known, as long as it fits.
type scanner struct {
	rest []byte
	fits bool
}

func (s *scanner) skip(text string) {
	if len(s.rest) < len(text) || string(s.rest[:len(text)]) != text {
		s.fits = false
		return
	}
	s.rest = s.rest[len(text):]
}

// quoted returns a JSON string with its quotes.
func (s *scanner) quoted() []byte {
	if len(s.rest) == 0 || s.rest[0] != '"' {
		s.fits = false
		return nil
	}
	for i := 1; i < len(s.rest); i++ {
		switch s.rest[i] {
		case '\\':
			i++
		case '"':
			raw := s.rest[:i+1]
			s.rest = s.rest[i+1:]
			return raw
		}
	}
	s.fits = false
	return nil
}
