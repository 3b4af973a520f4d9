package wire

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/contrail-events/contrail"
)

// DefaultTemplate is that of the subjects behind the prefix.
const DefaultTemplate = "{category}.{id}.{type}"

// MaxSubjectBytes is the longest subject: a broker ends the connection over a longer command line, 4096 bytes by default.
const MaxSubjectBytes = 2048

// Subjects gives events their subjects: a prefix and what a template makes of the event. The zero value is of no use; values may be used from
// several goroutines.
type Subjects struct {
	prefix string
	parts  []part
}

// part is one stretch of a subject: what stands in the template word for word, or a placeholder.
type part struct {
	kind kind
	text string // of a literal, or the metadata key
}

type kind int

const (
	literal kind = iota
	streamCategory
	streamID
	eventType
	metadataValue
)

// Subject is the one that an event is published on by default: prefix.category.id.type.
func Subject(prefix string, event contrail.Recorded) string {
	return prefix + "." + event.Stream.Category() + "." + event.Stream.ID() + "." + event.Type
}

// ParseSubjects reads a template of subject tokens joined by '.', "" for [DefaultTemplate]. The placeholders are {category} and {id} of the
// event's stream, {type}, and any metadata key, as in {tenant_id}; a token may mix them with letters, as in v1-{category}. The error
// joins a [*contrail.InvalidError] for the prefix and one for the template.
func ParseSubjects(prefix, template string) (Subjects, error) {
	if template == "" {
		template = DefaultTemplate
	}
	parts, fault := parseTemplate(template)
	if fault != nil {
		fault = &contrail.InvalidError{What: "subject template", Value: template, Reason: fault.Error()}
	}
	parts = slices.Insert(parts, 0, part{text: prefix})
	return Subjects{prefix: prefix, parts: parts}, errors.Join(ValidatePrefix(prefix), fault)
}

// ValidateTemplate returns the [*contrail.InvalidError] that [ParseSubjects] has for a template.
func ValidateTemplate(template string) error {
	_, err := ParseSubjects(DefaultPrefix, template)
	return err
}

// parseTemplate returns an error that completes the sentence "subject template "x" …".
func parseTemplate(template string) (parts []part, err error) {
	placeholders := 0
	for token := range strings.SplitSeq(template, ".") {
		if token == "" {
			return nil, errors.New("has an empty token")
		}
		parts = append(parts, part{text: "."})
		for rest := token; rest != ""; {
			var read part
			if read, rest, err = nextPart(rest); err != nil {
				return nil, err
			}
			if read.kind != literal {
				placeholders++
			}
			parts = append(parts, read)
		}
	}
	if placeholders == 0 {
		return nil, errors.New("has no placeholder, such as {category}")
	}
	return parts, nil
}

// nextPart takes a literal or a placeholder off a token that is not empty.
func nextPart(token string) (read part, rest string, err error) {
	if token[0] != '{' {
		end := strings.IndexByte(token, '{')
		if end < 0 {
			end = len(token)
		}
		read = part{text: token[:end]}
		if strings.Contains(read.text, "}") {
			return part{}, "", errors.New("has a '}' without its '{'")
		}
		return read, token[end:], checkToken(read.text)
	}
	name, rest, closed := strings.Cut(token[1:], "}")
	if !closed {
		return part{}, "", errors.New("has a '{' without its '}' in the same token")
	}
	read, err = placeholder(name)
	return read, rest, err
}

func placeholder(name string) (part, error) {
	switch name {
	case "category":
		return part{kind: streamCategory}, nil
	case "id":
		return part{kind: streamID}, nil
	case "type":
		return part{kind: eventType}, nil
	}
	if err := (contrail.Metadata{name: ""}).Validate(); err != nil {
		return part{}, fmt.Errorf("has the placeholder {%s}, which is neither category, id nor type, nor can it be a metadata key", name)
	}
	return part{kind: metadataValue, text: name}, nil
}

// Of returns the subject of an event. The error is a [*contrail.InvalidError] that names the placeholder for which the event's metadata has no
// value, or one that can't stand in a subject; or that says that the subject is longer than [MaxSubjectBytes].
func (s Subjects) Of(event contrail.Recorded) (string, error) {
	var room [256]byte
	subject := room[:0]
	for _, p := range s.parts {
		switch p.kind {
		case literal:
			subject = append(subject, p.text...)
		case streamCategory:
			subject = append(subject, event.Stream.Category()...)
		case streamID:
			subject = append(subject, event.Stream.ID()...)
		case eventType:
			subject = append(subject, event.Type...)
		case metadataValue:
			value, found := event.Metadata[p.text]
			if err := checkValue(p.text, value, found); err != nil {
				return "", err
			}
			subject = append(subject, value...)
		}
	}
	if len(subject) > MaxSubjectBytes {
		return "", &contrail.InvalidError{What: "subject", Value: string(subject), Reason: fmt.Sprintf("is longer than %d bytes", MaxSubjectBytes)}
	}
	return string(subject), nil
}

// Filter is the subject that a stream takes, and a consumer filters by, to have all of them.
func (s Subjects) Filter() string { return s.prefix + ".>" }

// Barrier is a subject among those of Filter, for messages that the stream refuses.
func (s Subjects) Barrier() string { return s.prefix + ".=" }

func checkValue(key, value string, found bool) error {
	err := checkToken(value)
	switch {
	case !found:
		err = errors.New("has no value in the event's metadata")
	case value == "":
		err = errors.New("is empty in the event's metadata")
	case err == nil:
		return nil
	}
	return &contrail.InvalidError{What: "subject placeholder {" + key + "}", Value: value, Reason: err.Error()}
}

// checkToken returns what completes the sentence "x …" if text can't be part of a subject token.
func checkToken(text string) error {
	for _, r := range text {
		if r == '.' || r == '*' || r == '>' || r == utf8.RuneError || unicode.IsSpace(r) || unicode.IsControl(r) {
			return fmt.Errorf("has %q, which can't stand in a subject token", r)
		}
	}
	return nil
}
