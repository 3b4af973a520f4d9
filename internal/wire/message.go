package wire

import (
	"strings"

	"github.com/contrail-events/contrail"
)

// Message is a CloudEvent read back.
type Message struct {
	contrail.Recorded
	Source string

	Resent string            // why it stands out of position order: ResentRequeue or ResentRepair; "": it does not
	After  contrail.Position // if it does, the position of the last event before it that stands in its order; zero: none
}

// ForeignError says that a message is not a CloudEvent of Contrail's.
type ForeignError struct{ Reason string }

// Error names the first thing that is missing or wrong.
func (e *ForeignError) Error() string { return "not an event of Contrail's: " + e.Reason }

// DecodeMessage reads a message of either format, and its mark; the error is a [*ForeignError]. Extension attributes that Contrail gives a
// meaning get their metadata keys back (correlationid becomes correlation_id); others keep the attribute's name. The names of headers
// may be in any case, as other clients send them on. The result shares no memory with the payload.
func DecodeMessage(header map[string][]string, payload []byte) (Message, error) {
	message, err := decode(header, payload)
	if err == nil {
		err = message.readMark(header)
	}
	return message, err
}

func decode(header map[string][]string, payload []byte) (Message, error) {
	if !isBinary(header) {
		return Decode(payload)
	}
	if message, ok := verbatimBinary(header, payload); ok {
		return message, nil
	}
	return decodeBinary(header, payload)
}

// Decode reads the payload of a message in structured mode as [DecodeMessage] does.
func Decode(payload []byte) (Message, error) {
	if message, ok := verbatimStructured(payload); ok {
		return message, nil
	}
	return decodeStructured(payload)
}

// isBinary follows CloudEvents: the content type of structured mode decides, and otherwise the attributes, which binary mode can't do without.
func isBinary(header map[string][]string) bool {
	if len(header) == 0 {
		return false
	}
	if content, _ := lookUp(header, HeaderContentType); strings.HasPrefix(strings.ToLower(content), "application/cloudevents") {
		return false
	}
	_, versioned := lookUp(header, attributePrefix+"specversion")
	_, named := lookUp(header, attributePrefix+"id")
	return versioned || named
}

// lookUp returns a header's first value. The name as it is written here comes before others that differ in case.
func lookUp(header map[string][]string, name string) (value string, found bool) {
	values, chosen := header[name], ""
	if len(values) == 0 {
		for other, theirs := range header {
			if len(theirs) > 0 && strings.EqualFold(other, name) && (chosen == "" || other < chosen) {
				values, chosen = theirs, other
			}
		}
	}
	if len(values) == 0 {
		return "", false
	}
	return values[0], true
}
