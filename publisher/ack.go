package publisher

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// statusNoResponders is that of the answer to a message that no stream takes.
const statusNoResponders = "503"

// readAck returns the sequence that a message was given in the stream.
func readAck(m *nats.Msg, stream string) (uint64, error) {
	if len(m.Data) == 0 && m.Header.Get("Status") == statusNoResponders {
		return 0, jetstream.ErrNoStreamResponse
	}
	return parseAck(m.Data, stream)
}

// parseAck reads an acknowledgement. A refusal is a *jetstream.APIError.
func parseAck(data []byte, stream string) (uint64, error) {
	if sequence, ok := parseUsualAck(data, stream); ok {
		return sequence, nil
	}
	return parseAnyAck(data, stream)
}

func parseAnyAck(data []byte, stream string) (uint64, error) {
	var ack struct {
		jetstream.PubAck

		Error *jetstream.APIError `json:"error"`
	}
	switch err := json.Unmarshal(data, &ack); {
	case err != nil:
		return 0, fmt.Errorf("%w: %.100q", jetstream.ErrInvalidJSAck, data)
	case ack.Error != nil:
		return 0, ack.Error
	case ack.Stream == "" || ack.Sequence == 0:
		return 0, fmt.Errorf("%w: %.100q", jetstream.ErrInvalidJSAck, data)
	case ack.Stream != stream:
		return 0, fmt.Errorf("stream %s has taken it, as message %d, instead of stream %s", ack.Stream, ack.Sequence, stream)
	}
	return ack.Sequence, nil
}

// parseUsualAck reads what nearly all acknowledgements look like, byte for byte, and knows nothing else:
//
//	{"stream":"EVENTS","domain":"hub","seq":123,"duplicate": true}
//
// of which domain and duplicate may be missing.
func parseUsualAck(data []byte, stream string) (sequence uint64, ok bool) {
	rest, ok := cut(string(data), `{"stream":"`, stream, `",`)
	if !ok {
		return 0, false
	}
	if domain, found := strings.CutPrefix(rest, `"domain":"`); found {
		name, behind, closed := strings.Cut(domain, `",`)
		if !closed || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == '"' || r == '\\' }) {
			return 0, false
		}
		rest = behind
	}
	rest, ok = cut(rest, `"seq":`)
	digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
	if end := rest[digits:]; !ok || end != "}" && end != `,"duplicate": true}` || rest[0] == '0' {
		return 0, false
	}
	sequence, err := strconv.ParseUint(rest[:digits], 10, 64)
	return sequence, err == nil
}

// cut takes what begins s off it.
func cut(s string, prefixes ...string) (rest string, ok bool) {
	for _, prefix := range prefixes {
		if s, ok = strings.CutPrefix(s, prefix); !ok {
			return "", false
		}
	}
	return s, true
}
