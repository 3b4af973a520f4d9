package codec

import (
	"errors"
	"fmt"

	"github.com/contrail-events/contrail"
)

// Upcast returns a recorded event in today's form: usually one, several where it was split, none where it was dropped. Position, version, id,
// stream and time are those of the recorded one; type, data and the schema version in the metadata are today's. An event that has today's
// form, or whose type is unknown here, comes back unchanged, and shares its data and metadata with the one that was given. These are never
// written to.
//
// Errors: [*SchemaError], [*NewerSchemaError], and [*DecodeError], which wraps [ErrSealed] where data would have to be upcast that
// are encrypted. An event that was erased is taken through the chain by name, and never an error.
func (c *Codec) Upcast(recorded contrail.Recorded) ([]contrail.Recorded, error) {
	known := c.lineages[recorded.Type]
	if known == nil {
		return []contrail.Recorded{recorded}, nil
	}
	schema, err := known.schemaOf(recorded)
	if err != nil {
		return nil, err
	}
	return c.upcast(recorded, schema)
}

func (c *Codec) upcast(recorded contrail.Recorded, schema int) ([]contrail.Recorded, error) {
	if c.lineages[recorded.Type].isCurrent(schema) {
		return []contrail.Recorded{recorded}, nil
	}
	if recorded.Sealed {
		return nil, decodeError(recorded, schema, ErrSealed)
	}
	results, err := c.climb(recorded, Form{recorded.Type, schema})
	if err != nil {
		return nil, decodeError(recorded, schema, err)
	}
	return results, nil
}

// climb takes an event from a form up to today's. New has seen to it that this ends.
func (c *Codec) climb(event contrail.Recorded, form Form) ([]contrail.Recorded, error) {
	known := c.lineages[form.Type]
	if known.isCurrent(form.Schema) {
		return []contrail.Recorded{event}, nil
	}
	upcaster := known.upcasters[form.Schema]
	edited, err := upcaster.edited(event)
	if err != nil {
		return nil, fmt.Errorf("upcast %s: %w", form, err)
	}
	var results []contrail.Recorded
	for _, target := range upcaster.targets {
		next, err := target.made(edited)
		if errors.Is(err, ErrOmit) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("upcast %s: %w", form, err)
		}
		more, err := c.climb(next, target.form)
		if err != nil {
			return nil, err
		}
		results = append(results, more...)
	}
	return results, nil
}
