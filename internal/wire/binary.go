package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/contrail-events/contrail"
)

// In binary mode.
const (
	attributePrefix   = "ce-"              // a header's name before that of its attribute
	binaryContentType = "application/json" // of the data
)

// BinaryHeader adds the headers of event in binary mode, whose payload is the event's data: the content type, and each attribute as
// `ce-<name>`, percent-encoded by the rules of CloudEvents' HTTP binding, 3.1.3.2. Like [Append] it trusts what the store has checked. What it
// adds shares no memory with what other calls add.
func BinaryHeader(header map[string][]string, source string, event contrail.Recorded) {
	const usual = 9 // attributes that every event has
	w := headerWriter{header: header, text: make([]byte, 0, 1024), fields: make([]field, 0, usual+len(event.Metadata))}
	stream := event.Stream.String()
	w.attribute("specversion").literal("1.0")
	w.attribute("id").literal(event.ID.String())
	w.attribute("source").escaped(source)
	w.attribute("type").literal(event.Type)
	w.attribute("subject").escaped(stream)
	w.attribute("time")
	w.text = event.RecordedAt.UTC().AppendFormat(w.text, timeFormat)
	w.attribute("partitionkey").escaped(stream)
	w.attribute("sequence")
	w.text = appendSequence(w.text, event.Position)
	w.attribute("streamversion")
	w.text = strconv.AppendInt(w.text, event.Version, 10)
	for _, key := range slices.Sorted(maps.Keys(event.Metadata)) {
		w.attribute(contrail.Attribute(key)).escaped(event.Metadata[key])
	}
	w.finish()
	header[HeaderContentType] = []string{binaryContentType}
}

// headerWriter writes names and values one behind another, so that all headers of a message are parts of one string.
type headerWriter struct {
	header map[string][]string
	text   []byte
	fields []field
}

type field struct{ name, value int } // where each begins

func (w *headerWriter) attribute(name string) *headerWriter {
	begin := len(w.text)
	w.text = append(append(w.text, attributePrefix...), name...)
	w.fields = append(w.fields, field{name: begin, value: len(w.text)})
	return w
}

func (w *headerWriter) literal(value string) { w.text = append(w.text, value...) }

func (w *headerWriter) escaped(value string) {
	const digits = "0123456789ABCDEF"
	for i := range len(value) {
		if c := value[i]; c <= ' ' || c > '~' || c == '"' || c == '%' {
			w.text = append(w.text, '%', digits[c>>4], digits[c&0xF])
		} else {
			w.text = append(w.text, c)
		}
	}
}

func (w *headerWriter) finish() {
	text, values := string(w.text), make([]string, len(w.fields))
	for i, f := range w.fields {
		end := len(text)
		if i+1 < len(w.fields) {
			end = w.fields[i+1].name
		}
		values[i] = text[f.value:end]
		w.header[text[f.name:f.value]] = values[i : i+1 : i+1]
	}
}

// decodeBinary reads any CloudEvent in binary mode.
func decodeBinary(header map[string][]string, payload []byte) (Message, error) {
	attributes := make(headers, len(header))
	r := reader{attributes: attributes}
	for name, values := range header {
		if len(name) <= len(attributePrefix) || !strings.EqualFold(name[:len(attributePrefix)], attributePrefix) {
			continue
		}
		attributes.read(&r, strings.ToLower(name[len(attributePrefix):]), values)
	}
	message := r.message(bytes.Clone(payload))
	if r.err == nil && !json.Valid(payload) {
		r.err = &ForeignError{Reason: "the payload is not JSON"}
	}
	return message, r.err
}

// headers are the attributes of binary mode, which are text all of them.
type headers map[string]string

// read takes an attribute's values in. The same attribute may come in headers that differ in case, or twice, but not with two meanings.
func (h headers) read(r *reader, attribute string, values []string) {
	for _, value := range values {
		text, err := unescape(value)
		if err != nil {
			r.fail(attribute, err.Error())
		}
		if before, found := h[attribute]; found && before != text {
			r.fail(attribute, "is there twice")
		}
		h[attribute] = text
	}
}

func (h headers) take(name string) (text string, quoted, found bool) {
	text, found = h[name]
	delete(h, name)
	return text, true, found
}

func (h headers) metadata() contrail.Metadata {
	metadata := make(contrail.Metadata, len(h))
	for name, text := range h {
		metadata[keyOf(name)] = text
	}
	return metadata
}

// unescape takes percent-encoding back.
func unescape(value string) (string, error) {
	if !strings.Contains(value, "%") {
		return value, nil
	}
	text := make([]byte, 0, len(value))
	for i := 0; i < len(value); i++ {
		if value[i] != '%' {
			text = append(text, value[i])
			continue
		}
		c, err := strconv.ParseUint(value[i+1:min(i+3, len(value))], 16, 8)
		if err != nil || len(value) < i+3 {
			return "", fmt.Errorf("has a '%%' that two hexadecimal digits don't follow: %.40q", value)
		}
		text = append(text, byte(c))
		i += 2
	}
	return string(text), nil
}
