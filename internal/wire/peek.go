package wire

// Peek returns the stream and the type of the event in a message, at a fraction of what [DecodeMessage] takes. False: it is not an event
// of Contrail's. True is no promise that it is one.
func Peek(header map[string][]string, payload []byte) (stream, eventType string, found bool) {
	if isBinary(header) {
		return peekBinary(header)
	}
	s := scanner[[]byte]{rest: payload} // what Append writes
	s.after(`{"specversion":"1.0","id":`)
	s.after(`,"source":`)
	typeName, subject := s.after(`,"type":`), s.after(`,"subject":`)
	if !s.unfit {
		return string(subject), string(typeName), true
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
