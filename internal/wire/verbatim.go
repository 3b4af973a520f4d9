package wire

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/contrail-events/contrail"
)

// verbatim holds the attributes of an event as Contrail writes them, which is how nearly all messages come. They are read in a fraction of
// the time that a [reader] takes, which knows any CloudEvent. What is unusual in any way, or wrong, is left to it, and it alone says what
// is wrong.
type verbatim struct {
	specversion, id, source, eventType, subject, time, sequence, version string

	metadata contrail.Metadata
}

// verbatimStructured reads what [Append] wrote. False: it is something else, or nothing good.
func verbatimStructured(payload []byte) (Message, bool) {
	head, tail, _ := bytes.Cut(payload, []byte(`,"data":`)) // a string that held this would have its quotes escaped
	data, closed := bytes.CutSuffix(tail, []byte("}"))
	if !closed {
		return Message{}, false
	}
	s := scanner[string]{rest: string(head)}
	v := verbatim{
		specversion: s.after(`{"specversion":`),
		id:          s.after(`,"id":`),
		source:      s.after(`,"source":`),
		eventType:   s.after(`,"type":`),
		subject:     s.after(`,"subject":`),
		time:        s.after(`,"time":`),
		metadata:    contrail.Metadata{},
	}
	s.after(`,"datacontenttype":"application/json","partitionkey":`)
	v.sequence = s.after(`,"sequence":`)
	s.skip(`,"streamversion":`)
	v.version = s.digits()
	for s.rest != "" && !s.unfit {
		attribute := s.after(`,`)
		s.unfit = !v.add(attribute, s.after(`:`)) || s.unfit
	}
	if s.unfit || !isJSON(data) {
		return Message{}, false
	}
	return v.message(data)
}

// verbatimBinary reads what [BinaryHeader] wrote, and the payload.
func verbatimBinary(header map[string][]string, payload []byte) (Message, bool) {
	v := verbatim{metadata: contrail.Metadata{}}
	for name, values := range header {
		if len(name) <= len(attributePrefix) || !strings.EqualFold(name[:len(attributePrefix)], attributePrefix) {
			continue
		}
		if len(values) != 1 {
			return Message{}, false
		}
		attribute := strings.TrimPrefix(name, attributePrefix) // in another case it stays, and has a '-', as no attribute has
		text, err := unescape(values[0])
		if err != nil || !v.set(attribute, text) {
			return Message{}, false
		}
	}
	if !isJSON(payload) {
		return Message{}, false
	}
	return v.message(payload)
}

// set takes an attribute in. False: it is none that Contrail writes.
func (v *verbatim) set(attribute, text string) bool {
	switch attribute {
	case "specversion":
		v.specversion = text
	case "id":
		v.id = text
	case "source":
		v.source = text
	case "type":
		v.eventType = text
	case "subject":
		v.subject = text
	case "time":
		v.time = text
	case "sequence":
		v.sequence = text
	case "streamversion":
		v.version = text
	case "partitionkey":
	default:
		return v.add(attribute, text)
	}
	return true
}

// add takes in an attribute that stands for a metadata key. False: it can't, or it did before.
func (v *verbatim) add(attribute, text string) bool {
	if !isExtension(attribute) || strings.IndexByte(text, 0) >= 0 || !utf8.ValidString(text) {
		return false
	}
	before := len(v.metadata)
	v.metadata[keyOf(attribute)] = text
	return len(v.metadata) > before
}

// isExtension tells whether an attribute has a name that CloudEvents allows and has no meaning for.
func isExtension(attribute string) bool {
	for i := range len(attribute) {
		if c := attribute[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9' || i == 0) {
			return false
		}
	}
	switch attribute {
	case "", "specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema", "data", "database64",
		"partitionkey", "sequence", "streamversion":
		return false
	}
	return true
}

// message is what the attributes say. False: one of them is not what it should be.
func (v *verbatim) message(data []byte) (message Message, ok bool) {
	if v.specversion != "1.0" || v.source == "" {
		return Message{}, false
	}
	var faults [6]error
	message.Source, message.Type, message.Metadata = v.source, v.eventType, v.metadata
	message.ID, faults[0] = uuid.Parse(v.id)
	message.Stream, faults[1] = contrail.ParseStreamID(v.subject)
	message.RecordedAt, faults[2] = parseTime(v.time)
	message.Position, faults[3] = ParseSequence(v.sequence)
	message.Version, faults[4] = strconv.ParseInt(v.version, 10, 64)
	faults[5] = contrail.Event{Type: v.eventType}.Validate() // the metadata is good already
	message.Sealed = v.metadata[contrail.KeySealedWith] != ""
	message.Data = bytes.Clone(data)
	return message, errors.Join(faults[:]...) == nil
}
