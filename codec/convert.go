package codec

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"

	"github.com/contrail-events/contrail"
)

// Convert turns the data from one Go type into another: frozen copies of what the type was under the two schemas, or, as Old, whatever
// encoding/json can read them into, such as map[string]any. Old may be a [MetadataReader], and what New has to say as a
// [contrail.MetadataCarrier] is added to the metadata. An error of convert is wrapped by the [*DecodeError] that the reader gets.
func Convert[Old, New any](convert func(Old) (New, error)) Step {
	edit, fault := convertEdit(convert)
	name := fmt.Sprintf("Convert[%s, %s]", reflect.TypeFor[Old](), reflect.TypeFor[New]())
	return Step{name: name, fault: fault, edit: edit, makes: reflect.TypeFor[New]()}
}

// Into is one of the events that [Split] makes: its type, the schema of its data, and the function that makes them, for which the same
// holds as for [Convert]. Its result goes on from that schema up to today's. Returning [ErrOmit] leaves this one out.
func Into[Old, New any](eventType string, schema int, convert func(Old) (New, error)) Part {
	edit, fault := convertEdit(convert)
	if fault != "" {
		fault = fmt.Sprintf("codec.Into(%q, %d): %s", eventType, schema, fault)
	}
	return Part{form: Form{eventType, schema}, fault: fault, edit: edit, makes: reflect.TypeFor[New]()}
}

func convertEdit[Old, New any](convert func(Old) (New, error)) (made edit, fault string) {
	if convert == nil {
		fault = "the function is nil"
	} else {
		fault = checkReader[Old]()
	}
	return func(event contrail.Recorded) (contrail.Recorded, error) {
		old, err := unmarshal[Old](event)
		if err != nil {
			return event, err
		}
		converted, err := convert(old)
		if err != nil {
			return event, err
		}
		if event.Data, err = json.Marshal(converted); err != nil {
			return event, fmt.Errorf("convert: %w", err)
		}
		if carrier, ok := any(converted).(contrail.MetadataCarrier); ok {
			event.Metadata = merged(event.Metadata, carrier.EventMetadata())
		}
		return event, nil
	}, fault
}

// merged returns a copy of metadata to which more is added.
func merged(metadata, more contrail.Metadata) contrail.Metadata {
	all := make(contrail.Metadata, len(metadata)+len(more))
	maps.Copy(all, metadata)
	maps.Copy(all, more)
	return all
}
