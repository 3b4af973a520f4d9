package codec

import (
	"maps"
	"strconv"

	"github.com/contrail-events/contrail"
)

// SchemaOf reads the schema version from an event's metadata: 1 where none is given. A value that is no whole number from 1 is a
// [*SchemaError].
func SchemaOf(recorded contrail.Recorded) (int, error) {
	value, given := recorded.Metadata[contrail.KeySchemaVersion]
	if !given {
		return 1, nil
	}
	schema, err := strconv.Atoi(value)
	if err != nil || schema < 1 || strconv.Itoa(schema) != value {
		return 0, &SchemaError{Stream: recorded.Stream, Version: recorded.Version, Type: recorded.Type, Value: value}
	}
	return schema, nil
}

// withSchema returns a copy of metadata that says the schema, as an event does that is written with it.
func withSchema(metadata contrail.Metadata, schema int) contrail.Metadata {
	if schema > 1 {
		return metadata.With(contrail.KeySchemaVersion, strconv.Itoa(schema))
	}
	copied := make(contrail.Metadata, len(metadata))
	maps.Copy(copied, metadata)
	delete(copied, contrail.KeySchemaVersion)
	return copied
}
