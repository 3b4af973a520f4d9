package organisation

import (
	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/domain/codec"
)

// Decode reads a recorded event by its type. A type that is none of this package's is a [*codec.UnknownTypeError].
func Decode(recorded contrail.Recorded) (Event, error) {
	switch recorded.Type {
	case Created{}.EventType():
		return codec.Decode[Created](recorded)
	case Updated{}.EventType():
		return codec.Decode[Updated](recorded)
	case Deleted{}.EventType():
		return codec.Decode[Deleted](recorded)
	}
	return nil, codec.Unknown(recorded)
}
