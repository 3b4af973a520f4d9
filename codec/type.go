package codec

import (
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/contrail-events/contrail"
)

// Registration is one thing that a codec is to know. [Type] and [Upcast] make them.
type Registration func(*registry)

// TypeOption says more about a [Type].
type TypeOption func(*typeOptions)

type typeOptions struct{ schema int }

// Schema is the schema version in which a type is written today. Default: 1.
func Schema(version int) TypeOption {
	return func(options *typeOptions) { options.schema = version }
}

// Type registers T under its EventType, as what an event of that type is decoded to today. T is a struct, or anything else that is no
// pointer and no interface. The methods of [MetadataReader] are used where T has them.
func Type[T contrail.Payload](options ...TypeOption) Registration {
	chosen := typeOptions{schema: 1}
	for _, option := range options {
		option(&chosen)
	}
	return func(r *registry) {
		goType := reflect.TypeFor[T]()
		subject := fmt.Sprintf("codec.Type[%s]", goType)
		if reason := checkKind(goType.Kind()); reason != "" {
			r.fault(subject, reason)
			return
		}
		var zero T
		r.faultIf(subject, checkReader[T]())
		r.addType(subject, zero.EventType(), chosen.schema, &payload{goType: goType, decode: decodeValue[T], erased: erasedValue[T]})
	}
}

// checkKind returns why a type can't stand for an event, or "". The zero value of such a type can't be asked for its EventType.
func checkKind(kind reflect.Kind) string {
	if kind == reflect.Pointer {
		return "is a pointer: register the type that it points to"
	}
	if kind == reflect.Interface {
		return "is an interface: register the types that implement it"
	}
	return ""
}

// payload is a Go type that stands for an event today.
type payload struct {
	goType reflect.Type
	decode func(contrail.Recorded) (contrail.Payload, error)
	erased func(contrail.Recorded) contrail.Payload
}

// MetadataReader is a type with facts that come from the event's metadata, the counterpart of [contrail.MetadataCarrier]. Once the data is
// decoded, WithEventMetadata is called with the event's metadata, which it must not change, and the T that it returns takes the place of the
// decoded one. The metadata may lack any key. T is the type itself:
//
//	func (e Drafted) WithEventMetadata(metadata contrail.Metadata) (Drafted, error)
type MetadataReader[T any] interface {
	WithEventMetadata(metadata contrail.Metadata) (T, error)
}

// checkReader returns what is wrong with T's WithEventMetadata, or "". With another signature it would never be called, and facts be missing
// without a word.
func checkReader[T any]() string {
	goType := reflect.TypeFor[T]()
	if goType.Kind() == reflect.Interface || goType.Implements(reflect.TypeFor[MetadataReader[T]]()) {
		return ""
	}
	if _, found := reflect.PointerTo(goType).MethodByName("WithEventMetadata"); !found {
		return ""
	}
	return fmt.Sprintf("its method must read func (e %s) WithEventMetadata(contrail.Metadata) (%s, error)", goType, goType)
}

// unmarshal reads data, and metadata where T reads them.
func unmarshal[T any](event contrail.Recorded) (T, error) {
	var value T
	if err := json.Unmarshal(event.Data, &value); err != nil {
		return value, err //nolint:wrapcheck // DecodeError names the event
	}
	return withMetadata(&value, event.Metadata)
}

// withMetadata takes a pointer, whose methods are the value's too, since it spares a copy on the heap.
func withMetadata[T any](value *T, metadata contrail.Metadata) (T, error) {
	if reader, ok := any(value).(MetadataReader[T]); ok {
		return reader.WithEventMetadata(metadata)
	}
	return *value, nil
}

func decodeValue[T contrail.Payload](event contrail.Recorded) (contrail.Payload, error) {
	value, err := unmarshal[T](event)
	if err != nil {
		return nil, err
	}
	return value, nil
}

// erasedValue is the zero value with what the metadata still tell. Metadata that it can't read don't count: it is never an error.
func erasedValue[T contrail.Payload](event contrail.Recorded) contrail.Payload {
	var zero T
	value, err := withMetadata(&zero, event.Metadata)
	if err != nil {
		return zero
	}
	return value
}
