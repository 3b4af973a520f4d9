package codec

import (
	"reflect"

	"github.com/contrail-events/contrail"
)

// Decode returns a recorded event as the Go types that stand for it today: usually one value, several where it was split, none where it was
// dropped. They are values of the types registered, not pointers. Data are read by encoding/json: fields that the type does not know are
// ignored, those that the data lack are zero.
//
// Errors: [*UnknownTypeError] for a type that is registered nowhere, [*NewerSchemaError], [*SchemaError], and [*DecodeError], which wraps what
// was wrong with the data, or [ErrSealed]. An event that was erased yields the zero values of its types, to which a [MetadataReader] adds
// what the metadata still tell; where its type is known it is never an error.
func (c *Codec) Decode(recorded contrail.Recorded) ([]contrail.Payload, error) {
	known := c.lineages[recorded.Type]
	if known == nil {
		return nil, &UnknownTypeError{Stream: recorded.Stream, Version: recorded.Version, Type: recorded.Type}
	}
	schema, err := known.schemaOf(recorded)
	if err != nil {
		return nil, err
	}
	if recorded.Sealed {
		return nil, decodeError(recorded, schema, ErrSealed)
	}
	if known.isCurrent(schema) { // nearly all are: spare them the way through Upcast
		value, err := known.payload.read(recorded)
		if err != nil {
			return nil, decodeError(recorded, schema, err)
		}
		return []contrail.Payload{value}, nil
	}
	events, err := c.upcast(recorded, schema)
	if err != nil {
		return nil, err
	}
	values := make([]contrail.Payload, len(events))
	for i, event := range events {
		if values[i], err = c.lineages[event.Type].payload.read(event); err != nil {
			return nil, decodeError(recorded, schema, err)
		}
	}
	return values, nil
}

func (p *payload) read(event contrail.Recorded) (contrail.Payload, error) {
	if event.Erased {
		return p.erased(event), nil
	}
	return p.decode(event)
}

// DecodeAs is [Codec.Decode] for a reader of some types only, such as an aggregate: E is an interface that its events share, or one of the
// types registered. An event that is no E is an [*UnexpectedTypeError].
func DecodeAs[E any](c *Codec, recorded contrail.Recorded) ([]E, error) {
	values, err := c.Decode(recorded)
	if err != nil {
		return nil, err
	}
	events := make([]E, len(values))
	for i, value := range values {
		event, ok := value.(E)
		if !ok {
			return nil, &UnexpectedTypeError{
				Stream: recorded.Stream, Version: recorded.Version, Type: recorded.Type,
				Got: reflect.TypeOf(value).String(), Want: reflect.TypeFor[E]().String(),
			}
		}
		events[i] = event
	}
	return events, nil
}
