package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/google/uuid"

	"github.com/contrail-events/contrail"
)

// ParseSequence reads the attribute `sequence`.
func ParseSequence(s string) (contrail.Position, error) {
	position, err := strconv.ParseInt(s, 10, 64)
	if err != nil || position <= 0 {
		return 0, fmt.Errorf("%q is not a position", s)
	}
	return contrail.Position(position), nil
}

// attributes are those of one CloudEvent, whatever the mode.
type attributes interface {
	// take removes an attribute and returns it as text; quoted tells whether it is a string in its mode.
	take(name string) (text string, quoted, found bool)
	// metadata is what remains. CloudEvents allows booleans and integers too; they become text.
	metadata() contrail.Metadata
}

// reader takes attributes out, one by one, and keeps the first fault.
type reader struct {
	attributes attributes
	err        error
}

// message reads all but the mark.
func (r *reader) message(data json.RawMessage) Message {
	if version := r.text("specversion"); r.err == nil && version != "1.0" {
		r.fail("specversion", "is not 1.0")
	}
	message := Message{Source: r.text("source")}
	message.ID = parse(r, "id", uuid.Parse)
	message.Type = r.text("type")
	message.Stream = parse(r, "subject", contrail.ParseStreamID)
	message.RecordedAt = parse(r, "time", parseTime)
	message.Position = parse(r, "sequence", ParseSequence)
	message.Version = r.integer("streamversion")
	message.Data = data
	r.attributes.take("datacontenttype")
	r.attributes.take("partitionkey")
	message.Metadata = r.attributes.metadata()
	message.Sealed = message.Metadata[contrail.KeySealedWith] != ""
	if err := (contrail.Event{Type: message.Type, Metadata: message.Metadata}).Validate(); err != nil && r.err == nil {
		r.err = &ForeignError{Reason: err.Error()}
	}
	return message
}

func (r *reader) fail(name, reason string) {
	if r.err == nil {
		r.err = &ForeignError{Reason: "attribute " + name + " " + reason}
	}
}

func (r *reader) take(name string) (text string, quoted bool) {
	text, quoted, found := r.attributes.take(name)
	if !found {
		r.fail(name, "is missing")
	}
	return text, quoted
}

func (r *reader) text(name string) string {
	text, quoted := r.take(name)
	if !quoted {
		r.fail(name, "is not a string")
	}
	return text
}

func (r *reader) integer(name string) int64 {
	text, _ := r.take(name)
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		r.fail(name, "is not an integer")
	}
	return n
}

func parse[T any](r *reader, name string, read func(string) (T, error)) T {
	value, err := read(r.text(name))
	if err != nil {
		r.fail(name, err.Error())
	}
	return value
}

// decodeStructured reads any CloudEvent in structured mode.
func decodeStructured(payload []byte) (Message, error) {
	var attributes members
	if err := json.Unmarshal(payload, &attributes); err != nil {
		return Message{}, &ForeignError{Reason: "the payload is not a JSON object: " + err.Error()}
	}
	data, found := attributes["data"]
	delete(attributes, "data")
	r := reader{attributes: attributes}
	message := r.message(data)
	if !found {
		r.fail("data", "is missing")
	}
	return message, r.err
}

// members are the attributes of structured mode: those of a JSON object.
type members map[string]json.RawMessage

func (m members) take(name string) (text string, quoted, found bool) {
	raw, found := m[name]
	delete(m, name)
	text, quoted = unquote(raw)
	return text, quoted, found
}

func (m members) metadata() contrail.Metadata {
	metadata := make(contrail.Metadata, len(m))
	for name, raw := range m {
		metadata[keyOf(name)], _ = unquote(raw)
	}
	return metadata
}

// unquote returns what a JSON string says, and any other JSON value as it stands. Plain ASCII, which nearly all are, is copied.
func unquote(raw json.RawMessage) (text string, quoted bool) {
	raw = bytes.TrimSpace(raw)
	if len(raw) < 2 || raw[0] != '"' {
		return string(raw), false
	}
	inner := raw[1 : len(raw)-1]
	if !bytes.ContainsFunc(inner, func(r rune) bool { return r == '\\' || r > 0x7E }) {
		return string(inner), true
	}
	err := json.Unmarshal(raw, &text)
	return text, err == nil
}

// keyOf is the metadata key that became an attribute. Where [contrail.Attribute] changes nothing, that is the attribute.
func keyOf(attribute string) string {
	switch attribute {
	case "correlationid":
		return contrail.KeyCorrelationID
	case "causationid":
		return contrail.KeyCausationID
	case "tenantid":
		return contrail.KeyTenantID
	case "userid":
		return contrail.KeyUserID
	case "schemaversion":
		return contrail.KeySchemaVersion
	case "keyid":
		return contrail.KeySealedWith
	}
	return attribute
}
