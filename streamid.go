package contrail

import "strings"

// StreamID names one stream of events, that is one aggregate: a category, '-' and the id within the category, as in invoice-42.
// The zero value names no stream. Values are comparable and may be map keys.
type StreamID struct {
	category string
	id       string
}

// NewStreamID puts a stream id together. It checks nothing, so that it can stand inside a call: whatever takes a StreamID
// checks it with [StreamID.Validate].
func NewStreamID(category, id string) StreamID {
	return StreamID{category: category, id: id}
}

// ParseStreamID splits "invoice-42" at its first '-'. The error is an [*InvalidError].
func ParseStreamID(s string) (StreamID, error) {
	category, id, found := strings.Cut(s, "-")
	if !found {
		return StreamID{}, &InvalidError{What: "stream", Value: s, Reason: "has no '-' between category and id, as in invoice-42"}
	}
	stream := NewStreamID(category, id)
	return stream, stream.Validate()
}

// Category is the part before the first '-'.
func (s StreamID) Category() string { return s.category }

// ID is the part after the first '-'.
func (s StreamID) ID() string { return s.id }

// String is the whole name, as the table and the messages hold it.
func (s StreamID) String() string {
	if s == (StreamID{}) {
		return ""
	}
	return s.category + "-" + s.id
}

// IsZero tells whether s names no stream.
func (s StreamID) IsZero() bool { return s == StreamID{} }

// Validate returns an [*InvalidError] unless the category is made of ASCII letters, digits and '_', the id of printable characters
// other than white space, '.', '*' and '>', and the whole has at most [MaxStreamBytes].
func (s StreamID) Validate() error {
	reason := ""
	switch {
	case s.category == "":
		reason = "has an empty category"
	case s.id == "":
		reason = "has an empty id"
	case strings.ContainsFunc(s.category, func(r rune) bool { return !isWord(r) }):
		reason = "has a category that is not ASCII letters, digits and '_'"
	case strings.ContainsFunc(s.id, func(r rune) bool { return !isSubjectSafe(r) }):
		reason = "has an id with white space, '.', '*', '>' or an unprintable character"
	case len(s.String()) > MaxStreamBytes:
		reason = "is longer than 200 bytes"
	}
	if reason == "" {
		return nil
	}
	return &InvalidError{What: "stream", Value: s.String(), Reason: reason}
}

// MarshalText writes [StreamID.String].
func (s StreamID) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what [ParseStreamID] reads.
func (s *StreamID) UnmarshalText(text []byte) error {
	parsed, err := ParseStreamID(string(text))
	if err == nil {
		*s = parsed
	}
	return err
}
