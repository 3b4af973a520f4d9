package wire

import (
	"strconv"

	"github.com/contrail-events/contrail"
)

// Format is the mode in which a CloudEvent becomes a message.
type Format int

// The formats.
const (
	Structured Format = iota // the payload is the whole event as one JSON object: Append
	Binary                   // the payload is the event's data, the attributes are headers: BinaryHeader
)

// String is "structured" or "binary".
func (f Format) String() string {
	switch f {
	case Structured:
		return "structured"
	case Binary:
		return "binary"
	}
	return "Format(" + strconv.Itoa(int(f)) + ")"
}

// Validate returns a [*contrail.InvalidError] unless f is one of the formats.
func (f Format) Validate() error {
	if f == Structured || f == Binary {
		return nil
	}
	return invalidFormat(f.String())
}

// ParseFormat reads what [Format.String] writes. The error is a [*contrail.InvalidError].
func ParseFormat(s string) (Format, error) {
	for _, format := range []Format{Structured, Binary} {
		if s == format.String() {
			return format, nil
		}
	}
	return Structured, invalidFormat(s)
}

func invalidFormat(value string) error {
	return &contrail.InvalidError{What: "format", Value: value, Reason: `must be "structured" or "binary"`}
}
