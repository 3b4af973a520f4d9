package contact

import (
	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/domain/codec"
)

// Decode reads a recorded event by its type. A type that is none of this package's is a [*codec.UnknownTypeError].
func Decode(recorded contrail.Recorded) (Event, error) {
	switch recorded.Type {
	case Created{}.EventType():
		created, err := codec.Decode[Created](recorded)
		created.OrganisationID = recorded.Metadata[KeyOrganisationID]
		return created, err
	case Updated{}.EventType():
		return codec.Decode[Updated](recorded)
	case Deleted{}.EventType():
		return codec.Decode[Deleted](recorded)
	}
	return nil, codec.Unknown(recorded)
}
