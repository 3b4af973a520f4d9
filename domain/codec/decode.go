package codec

import (
	"encoding/json"
	"fmt"

	"github.com/contrail-events/contrail"
)

// UnknownTypeError says that a stream holds an event that the aggregate does not know: it was written by a newer program, or by
// another one.
type UnknownTypeError struct {
	Stream  contrail.StreamID
	Version int64
	Type    string
}

// Error names the event.
func (e *UnknownTypeError) Error() string {
	return fmt.Sprintf("decode %s version %d: event type %q is unknown here: upgrade this program, or upcast the event",
		e.Stream, e.Version, e.Type)
}

// Unknown makes the error for an event whose type is none of the aggregate's.
func Unknown(recorded contrail.Recorded) error {
	return &UnknownTypeError{Stream: recorded.Stream, Version: recorded.Version, Type: recorded.Type}
}

// Decode reads an event's body. The error wraps the decoder's and names the event.
func Decode[T any](recorded contrail.Recorded) (T, error) {
	var event T
	if err := json.Unmarshal(recorded.Data, &event); err != nil {
		return event, Failed(recorded, err)
	}
	return event, nil
}

// Failed wraps what went wrong with the event that it went wrong with.
func Failed(recorded contrail.Recorded, err error) error {
	return fmt.Errorf("decode %s version %d, %s: %w", recorded.Stream, recorded.Version, recorded.Type, err)
}
