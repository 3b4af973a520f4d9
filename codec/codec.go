package codec

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/contrail-events/contrail"
)

// Codec knows the Go types of events and the way to them from every older schema. It never changes, so many goroutines may share it. Make it
// once, not for each event. The zero value knows no type.
type Codec struct {
	lineages map[string]*lineage // by event type
}

// New makes a codec of what it is to know, in any order. The error names every registration at fault: a type that is registered twice or
// has a bad name, a schema below 1, a schema that nothing reads, an upcaster of today's schema or a later one, one that leads to a
// schema that nobody knows or back to itself, and one that makes a Go type of another schema than the one it leads to.
func New(registrations ...Registration) (*Codec, error) {
	r := &registry{lineages: map[string]*lineage{}}
	for i, register := range registrations {
		if register == nil {
			r.fault(fmt.Sprintf("registration %d", i+1), "is nil")
			continue
		}
		register(r)
	}
	r.checkChains()
	if len(r.faults) > 0 {
		return nil, fmt.Errorf("new codec: %w", errors.Join(r.faults...))
	}
	return &Codec{lineages: r.lineages}, nil
}

// MustNew is [New] for a registry that is written out in the program. It panics where New returns an error.
func MustNew(registrations ...Registration) *Codec {
	c, err := New(registrations...)
	if err != nil {
		panic(err)
	}
	return c
}

// Form is one shape that an event's data may have: the type and its schema version.
type Form struct {
	Type   string
	Schema int // 1 or more
}

// String is the form as errors name it: InvoiceIssued schema 2.
func (f Form) String() string { return fmt.Sprintf("%s schema %d", f.Type, f.Schema) }

// Forms lists all that the codec can read, today's forms and those with an upcaster, by type and schema.
func (c *Codec) Forms() []Form {
	var forms []Form
	for _, name := range slices.Sorted(maps.Keys(c.lineages)) {
		for schema := range c.lineages[name].newest {
			forms = append(forms, Form{name, schema + 1})
		}
	}
	return forms
}

// IsCurrent tells whether a form is the one in which its type is written today.
func (c *Codec) IsCurrent(form Form) bool {
	known := c.lineages[form.Type]
	return known != nil && known.isCurrent(form.Schema)
}

// lineage is all that is known of one event type.
type lineage struct {
	payload   *payload         // today's Go type; nil: the type is not written any more
	newest    int              // the highest schema known: today's, or the last one that a retired type had
	upcasters map[int]upcaster // by the schema they read
}

func (l *lineage) isCurrent(schema int) bool { return l.payload != nil && schema == l.newest }

// schemaOf is the schema of a recorded event, as far as it is known here. What was erased is never refused: nobody can read it, whatever its
// schema was, so it counts as the newest where the schema is none that is known.
func (l *lineage) schemaOf(recorded contrail.Recorded) (int, error) {
	schema, err := SchemaOf(recorded)
	if err == nil && schema > l.newest {
		err = &NewerSchemaError{
			Stream: recorded.Stream, Version: recorded.Version, Type: recorded.Type, Schema: schema, Known: l.newest,
		}
	}
	if err != nil && recorded.Erased {
		return l.newest, nil
	}
	return schema, err
}

// checkName returns what is wrong with an event type, or "".
func checkName(name string) string {
	if invalid, found := errors.AsType[*contrail.InvalidError](contrail.Event{Type: name}.Validate()); found {
		return "its event type " + invalid.Reason
	}
	return ""
}
