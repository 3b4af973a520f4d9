package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/google/uuid"

	"github.com/contrail-events/contrail"
)

// Message is a CloudEvent read back.
type Message struct {
	contrail.Recorded
	Source string
}

// ForeignError says that a message is not a CloudEvent of Contrail's.
type ForeignError struct{ Reason string }

// Error names the first thing that is missing or wrong.
func (e *ForeignError) Error() string { return "not an event of Contrail's: " + e.Reason }

// Decode reads a message's payload; the error is an [*ForeignError]. Extension attributes that Contrail gives a meaning get their
// metadata keys back (correlationid becomes correlation_id); others keep the attribute's name.
func Decode(payload []byte) (Message, error) {
	var attributes map[string]json.RawMessage
	if err := json.Unmarshal(payload, &attributes); err != nil {
		return Message{}, &ForeignError{Reason: "the payload is not a JSON object: " + err.Error()}
	}
	r := reader{attributes: attributes}
	if version := r.text("specversion"); r.err == nil && version != "1.0" {
		r.fail("specversion", "is not 1.0")
	}
	message := Message{Source: r.text("source")}
	message.ID = parse(&r, "id", uuid.Parse)
	message.Type = r.text("type")
	message.Stream = parse(&r, "subject", contrail.ParseStreamID)
	message.RecordedAt = parse(&r, "time", parseTime)
	message.Position = parse(&r, "sequence", ParseSequence)
	message.Version = r.integer("streamversion")
	message.Data = r.take("data")
	delete(attributes, "datacontenttype")
	delete(attributes, "partitionkey")
	message.Metadata = r.metadata()
	message.Sealed = message.Metadata[contrail.KeySealedWith] != ""
	if err := (contrail.Event{Type: message.Type, Metadata: message.Metadata}).Validate(); err != nil && r.err == nil {
		r.err = &ForeignError{Reason: err.Error()}
	}
	return message, r.err
}

// ParseSequence reads the attribute `sequence`.
func ParseSequence(s string) (contrail.Position, error) {
	position, err := strconv.ParseInt(s, 10, 64)
	if err != nil || position <= 0 {
		return 0, fmt.Errorf("%q is not a position", s)
	}
	return contrail.Position(position), nil
}

// reader takes attributes out of the object, one by one, and keeps the first fault.
type reader struct {
	attributes map[string]json.RawMessage
	err        error
}

func (r *reader) fail(name, reason string) {
	if r.err == nil {
		r.err = &ForeignError{Reason: "attribute " + name + " " + reason}
	}
}

func (r *reader) take(name string) json.RawMessage {
	raw, found := r.attributes[name]
	if !found {
		r.fail(name, "is missing")
	}
	delete(r.attributes, name)
	return raw
}

func (r *reader) text(name string) string {
	raw := r.take(name)
	var s string
	if r.err == nil && json.Unmarshal(raw, &s) != nil {
		r.fail(name, "is not a string")
	}
	return s
}

func (r *reader) integer(name string) int64 {
	raw := r.take(name)
	n, err := strconv.ParseInt(string(raw), 10, 64)
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

// metadata is what remains when Contrail's own attributes are gone. CloudEvents allows booleans and integers too; they become text.
func (r *reader) metadata() contrail.Metadata {
	metadata := make(contrail.Metadata, len(r.attributes))
	for name, raw := range r.attributes {
		value := string(bytes.TrimSpace(raw))
		if len(value) > 0 && value[0] == '"' {
			value = ""
			if json.Unmarshal(raw, &value) != nil {
				r.fail(name, "is not a string")
			}
		}
		metadata[keyOf(name)] = value
	}
	return metadata
}

func keyOf(attribute string) string {
	for _, key := range []string{
		contrail.KeyCorrelationID, contrail.KeyCausationID, contrail.KeyTenantID, contrail.KeyUserID,
		contrail.KeySchemaVersion, contrail.KeySealedWith,
	} {
		if attribute == contrail.Attribute(key) {
			return key
		}
	}
	return attribute
}
