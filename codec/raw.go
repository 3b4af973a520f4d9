package codec

import (
	"errors"

	"github.com/contrail-events/contrail"
)

// Raw stands for an event of a type that the codec does not know: all of it as it was recorded.
type Raw struct{ contrail.Recorded }

// EventType is the type as recorded.
func (r Raw) EventType() string { return r.Type }

// DecodeOrRaw is [Codec.Decode] for those who read everything, such as an audit or an export: an event of an unknown type is a [Raw], sealed or
// not, instead of an error. Other errors are Decode's.
func (c *Codec) DecodeOrRaw(recorded contrail.Recorded) ([]contrail.Payload, error) {
	values, err := c.Decode(recorded)
	if _, unknown := errors.AsType[*UnknownTypeError](err); unknown {
		return []contrail.Payload{Raw{recorded}}, nil
	}
	return values, err
}
