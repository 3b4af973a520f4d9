package codec

import (
	"errors"
	"fmt"

	"github.com/contrail-events/contrail"
)

// ErrSealed says that an event's data can't be read since it is encrypted. A [*DecodeError] wraps it.
var ErrSealed = errors.New("the data is encrypted and this reader has no keys: give it the key store")

// ErrOmit is what a function given to [Into] returns to leave its event out.
var ErrOmit = errors.New("the event is left out")

// UnknownTypeError says that an event's type is registered nowhere: a newer program wrote it, or another one.
type UnknownTypeError struct {
	Stream  contrail.StreamID
	Version int64
	Type    string
}

// Error names the event and what to do.
func (e *UnknownTypeError) Error() string {
	return fmt.Sprintf("decode %s version %d: event type %q is unknown here: upgrade this program, or upcast the event",
		e.Stream, e.Version, e.Type)
}

// NewerSchemaError says that an event's type is known, but not as late a schema.
type NewerSchemaError struct {
	Stream  contrail.StreamID
	Version int64
	Type    string
	Schema  int // the event's
	Known   int // the newest one known here
}

// Error names the event and what to do.
func (e *NewerSchemaError) Error() string {
	return fmt.Sprintf("decode %s version %d: %s schema %d was written by a newer program, schema %d is the newest known here: upgrade this program",
		e.Stream, e.Version, e.Type, e.Schema, e.Known)
}

// SchemaError says that an event's metadata give a schema version that is none.
type SchemaError struct {
	Stream  contrail.StreamID
	Version int64
	Type    string
	Value   string
}

// Error names the event and shows at most the first hundred bytes of the value.
func (e *SchemaError) Error() string {
	return fmt.Sprintf("decode %s version %d, %s: metadata %s is %.100q: it must be a whole number from 1",
		e.Stream, e.Version, e.Type, contrail.KeySchemaVersion, e.Value)
}

// UnexpectedTypeError says that an event is known, but none of those that [DecodeAs] was asked for.
type UnexpectedTypeError struct {
	Stream  contrail.StreamID
	Version int64
	Type    string // as recorded
	Got     string // the Go type it decodes to
	Want    string // the Go type that was asked for
}

// Error names the event and what to do.
func (e *UnexpectedTypeError) Error() string {
	return fmt.Sprintf("decode %s version %d: event type %q is %s, which is no %s: see who appends it to this stream",
		e.Stream, e.Version, e.Type, e.Got, e.Want)
}

// DecodeError says that an event of a known type and schema can't be read.
type DecodeError struct {
	Stream  contrail.StreamID
	Version int64
	Type    string // as recorded
	Schema  int    // as recorded
	Err     error  // of encoding/json, of an upcaster or of a [MetadataReader]; or [ErrSealed]
}

// Error names the event.
func (e *DecodeError) Error() string {
	return fmt.Sprintf("decode %s version %d, %s schema %d: %v", e.Stream, e.Version, e.Type, e.Schema, e.Err)
}

// Unwrap returns Err.
func (e *DecodeError) Unwrap() error { return e.Err }

func decodeError(recorded contrail.Recorded, schema int, err error) error {
	return &DecodeError{Stream: recorded.Stream, Version: recorded.Version, Type: recorded.Type, Schema: schema, Err: err}
}

// UnregisteredError says that a payload can't be encoded, since its Go type is not the one registered for its event type.
type UnregisteredError struct {
	Type   string // the event type; "" for a nil payload
	GoType string
}

// Error says how to register it.
func (e *UnregisteredError) Error() string {
	return fmt.Sprintf("encode %s: it is not registered as event type %q: add codec.Type for it", e.GoType, e.Type)
}
