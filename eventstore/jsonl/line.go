package jsonl

import (
	"bytes"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/contrail-events/contrail"
)

// Parse reads one line. What it does not say is zero in the result, but Metadata is never nil. The error is a [*contrail.InvalidError]. Data
// shares the memory of text.
func Parse(text []byte) (contrail.Recorded, error) {
	read, err := parse(text)
	if err == nil && read.Metadata == nil {
		read.Metadata = contrail.Metadata{}
	}
	return read.Recorded, err
}

// line is an event as a line has it: what was not given is zero.
type line struct {
	contrail.Recorded

	metadata []byte // as it was written
	size     int    // of data and metadata, as the limit of eventstore counts it
}

// parser reads one line, field after field.
type parser struct {
	scanner

	line         line
	seen         uint // bits for those of fields that were there
	dataSize     int
	metadataSize int
}

func parse(text []byte) (line, error) {
	p := parser{scanner: scanner{text: text}}
	if bytes.HasPrefix(text, []byte("\x1f\x8b")) {
		return line{}, &contrail.InvalidError{What: "text", Value: string(text), Reason: "is compressed with gzip; decompress it first"}
	}
	if p.next() != '{' {
		return line{}, p.notJSON("expected an event, as an object")
	}
	err := p.members(0, '}', p.field)
	if p.space(); err == nil && p.at < len(text) {
		err = p.notJSON("expected nothing behind the event")
	}
	if err == nil {
		err = p.check()
	}
	if err != nil {
		return line{}, err
	}
	p.line.size = p.dataSize + p.metadataSize
	p.line.Sealed = p.line.Metadata[contrail.KeySealedWith] != ""
	return p.line, nil
}

// check refuses a line that is JSON, but no event.
func (p *parser) check() error {
	switch {
	case p.line.Stream.IsZero():
		return &contrail.InvalidError{What: "event", Value: string(p.text), Reason: "has no stream"}
	case p.line.Type == "":
		return &contrail.InvalidError{What: "event", Value: string(p.text), Reason: "has no type"}
	case p.line.Data == nil:
		return &contrail.InvalidError{What: "event", Value: string(p.text), Reason: "has no data"}
	}
	return contrail.Event{Type: p.line.Type, Metadata: p.line.Metadata}.Validate()
}

// field reads one field of the event.
func (p *parser) field() error {
	if p.next() != '"' {
		return p.notJSON("expected a field in quotes")
	}
	quoted, err := p.quoted()
	if err == nil {
		err = p.take(':')
	}
	if err != nil {
		return err
	}
	name := unescape(quoted)
	if err := p.expect(name); err != nil {
		return err
	}
	p.next()
	begin := p.scanner
	p.size = 0
	text, err := p.value(1)
	switch {
	case err != nil:
		return err
	case name == "data":
		p.line.Data, p.dataSize = text, p.size
		return nil
	case string(text) == "null":
		return nil
	}
	return p.set(name, text, begin)
}

// expect refuses what is no field of an event, and what was there already.
func (p *parser) expect(name string) error {
	at := slices.Index(fields(), name)
	if at < 0 {
		return &contrail.InvalidError{What: "field", Value: name, Reason: "is none of " + strings.Join(fields(), ", ")}
	}
	if p.seen&(1<<at) != 0 {
		return &contrail.InvalidError{What: "field", Value: name, Reason: "is there twice"}
	}
	p.seen |= 1 << at
	return nil
}

func fields() []string {
	return []string{"position", "id", "stream", "version", "type", "data", "metadata", "recorded_at"}
}

// set takes over a field that is not null; the scanner begin stands before it.
func (p *parser) set(name string, text []byte, begin scanner) (err error) {
	switch name {
	case "position":
		p.line.Position, err = whole[contrail.Position]("position", text)
	case "version":
		p.line.Version, err = whole[int64]("version", text)
	case "id":
		p.line.ID, err = parseID(text)
	case "stream":
		p.line.Stream, err = parseStream(text)
	case "type":
		p.line.Type, err = stringOf("type", text)
	case "recorded_at":
		p.line.RecordedAt, err = parseTime(text)
	case "metadata":
		p.line.metadata = text
		err = p.parseMetadata(begin)
	}
	return err
}

// parseMetadata reads the object that the scanner begin stands before, which is JSON as far as it has been walked over.
func (p *parser) parseMetadata(begin scanner) error {
	if begin.text[begin.at] != '{' {
		return &contrail.InvalidError{What: "metadata", Value: string(p.line.metadata), Reason: "is not an object of strings"}
	}
	metadata := contrail.Metadata{}
	p.metadataSize = 0
	err := begin.members(0, '}', func() error {
		begin.next()
		quoted, err := begin.quoted()
		if err != nil {
			return err
		}
		key := unescape(quoted)
		if err := begin.take(':'); err != nil {
			return err
		}
		if begin.next() != '"' {
			return &contrail.InvalidError{What: "metadata key", Value: key, Reason: "has a value that is not a string"}
		}
		if quoted, err = begin.quoted(); err != nil {
			return err
		}
		metadata[key] = unescape(quoted)
		p.metadataSize += len(key) + len(metadata[key]) + len(`"":"",`)
		return nil
	})
	p.line.Metadata = metadata
	return err
}

func parseID(text []byte) (uuid.UUID, error) {
	said, err := stringOf("id", text)
	if err != nil {
		return uuid.Nil, err
	}
	id, err := uuid.Parse(said)
	if err != nil || len(said) != len(uuid.Nil.String()) || id == uuid.Nil {
		return uuid.Nil, &contrail.InvalidError{What: "id", Value: said, Reason: "is not a UUID such as 0192d9a1-7c3e-7c4e-9a30-0f3f2f4b5a6c"}
	}
	return id, nil
}

func parseStream(text []byte) (contrail.StreamID, error) {
	said, err := stringOf("stream", text)
	if err != nil {
		return contrail.StreamID{}, err
	}
	return contrail.ParseStreamID(said)
}
