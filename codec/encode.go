package codec

import (
	"reflect"

	"github.com/contrail-events/contrail"
)

// Encode makes an event to append of a payload, with today's schema version in its metadata when that is above 1. It is
// [contrail.NewEvent] besides: the store marshals Data, and metadata and subject come from the payload. A pointer to a registered type
// will do. A payload that is registered otherwise, or not at all, or nil, is an [*UnregisteredError]: it could not be read again.
func (c *Codec) Encode(payload contrail.Payload) (contrail.Event, error) {
	goType, isNil := pointedTo(payload)
	if isNil {
		return contrail.Event{}, &UnregisteredError{GoType: "nil"}
	}
	event := contrail.NewEvent(payload)
	known := c.lineages[event.Type]
	if known == nil || known.payload == nil || known.payload.goType != goType {
		return contrail.Event{}, &UnregisteredError{Type: event.Type, GoType: goType.String()}
	}
	if known.newest > 1 || event.Metadata[contrail.KeySchemaVersion] != "" {
		event.Metadata = withSchema(event.Metadata, known.newest)
	}
	return event, nil
}

// pointedTo is the type of a payload, or of what it points to.
func pointedTo(payload contrail.Payload) (goType reflect.Type, isNil bool) {
	goType = reflect.TypeOf(payload)
	if goType == nil {
		return nil, true
	}
	if goType.Kind() == reflect.Pointer {
		return goType.Elem(), reflect.ValueOf(payload).IsNil()
	}
	return goType, false
}
