package invoice

import (
	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/domain/codec"
)

// Decode reads a recorded event by its type. A type that is none of this package's is a [*codec.UnknownTypeError].
func Decode(recorded contrail.Recorded) (Event, error) {
	switch recorded.Type {
	case Drafted{}.EventType():
		return decodeDrafted(recorded)
	case Updated{}.EventType():
		return codec.Decode[Updated](recorded)
	case Issued{}.EventType():
		return codec.Decode[Issued](recorded)
	case Paid{}.EventType():
		return codec.Decode[Paid](recorded)
	case Voided{}.EventType():
		return codec.Decode[Voided](recorded)
	case Deleted{}.EventType():
		return codec.Decode[Deleted](recorded)
	}
	return nil, codec.Unknown(recorded)
}

func decodeDrafted(recorded contrail.Recorded) (Drafted, error) {
	drafted, err := codec.Decode[Drafted](recorded)
	if err != nil {
		return drafted, err
	}
	if err := drafted.DraftedOn.UnmarshalText([]byte(recorded.Metadata[KeyDraftedOn])); err != nil {
		return drafted, codec.Failed(recorded, err)
	}
	return drafted, nil
}
