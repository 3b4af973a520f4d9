package pgfault

import (
	"bytes"
	"encoding/binary"
)

// Types of messages, by PostgreSQL's protocol.
const (
	msgBind         = 'B'
	msgCopyData     = 'd'
	msgCopyDone     = 'c'
	msgCopyFail     = 'f'
	msgFunctionCall = 'F'
	msgParse        = 'P'
	msgPassword     = 'p'
	msgQuery        = 'Q'
	msgSync         = 'S'
	msgTerminate    = 'X'

	msgCopyInResponse   = 'G' // the server's
	msgCopyBothResponse = 'W'
	msgReadyForQuery    = 'Z'
)

// protocolMajor is the version that a startup message begins with. Requests for TLS, GSS and cancellation have a number of their own there.
const protocolMajor = 3

// stream cuts what comes on one side of a connection into messages.
type stream struct{ buffer []byte }

func (s *stream) add(data []byte) { s.buffer = append(s.buffer, data...) }

// next returns the next whole message, with its type and its length in front. An untyped one begins with its length.
func (s *stream) next(typed bool) (message []byte, found bool) {
	at := 0
	if typed {
		at = 1
	}
	if len(s.buffer) < at+4 {
		return nil, false
	}
	size := at + int(binary.BigEndian.Uint32(s.buffer[at:]))
	if len(s.buffer) < size {
		return nil, false
	}
	message, s.buffer = s.buffer[:size:size], s.buffer[size:]
	return message, true
}

// isStartup tells whether an untyped message opens a session: typed ones follow.
func isStartup(message []byte) bool {
	return len(message) >= 8 && binary.BigEndian.Uint16(message[4:]) == protocolMajor
}

// words returns the zero-terminated strings that a message begins with.
func words(message []byte, count int) []string {
	found := make([]string, count)
	rest := message[5:]
	for i := range found {
		var word []byte
		word, rest, _ = bytes.Cut(rest, []byte{0})
		found[i] = string(word)
	}
	return found
}
