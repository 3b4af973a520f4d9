package codec

import (
	"fmt"
	"reflect"

	"github.com/contrail-events/contrail"
)

// Upcast registers how an event of an older schema is read: what steps make of it has the next schema, unless the last step is [Rename],
// [Split] or [Drop]. Steps are done one after the other. Without any, the data are read as they are: the next schema only added what may be
// absent.
//
// Steps must give the same result for the same event each time. A panic in one is not caught.
func Upcast(eventType string, schema int, steps ...Step) Registration {
	from := Form{eventType, schema}
	return func(r *registry) {
		made, faults := newUpcaster(from, steps)
		for _, reason := range faults {
			r.fault(upcastSubject(from), reason)
		}
		r.addUpcaster(upcastSubject(from), from, made)
	}
}

// upcastSubject is a registration as it is written, for errors.
func upcastSubject(from Form) string {
	return fmt.Sprintf("codec.Upcast(%q, %d)", from.Type, from.Schema)
}

// Step is something that an upcaster does to an event: [Fill], [FillFrom], [RenameField] and [Convert] change its data; [Rename], [Split]
// and [Drop] say what becomes of it, and come last.
type Step struct {
	name   string // as it is written
	fault  string // what is wrong with its arguments, or ""
	edit   edit   // nil: the step only says where to
	makes  reflect.Type
	ends   bool // the step says where to
	become []Part
}

// edit returns the event with other data, and perhaps metadata. It must not write to those that it is given.
type edit func(contrail.Recorded) (contrail.Recorded, error)

// Part is one event that comes out of an upcaster. [Into] makes them.
type Part struct {
	form  Form
	fault string
	edit  edit         // nil: the event's data are taken as they are
	makes reflect.Type // what edit makes, where it is a Go type
}

// upcaster is what reads one form.
type upcaster struct {
	edits   []edit
	targets []Part
}

// newUpcaster puts the steps together, and tells all that is wrong with them.
func newUpcaster(from Form, steps []Step) (made upcaster, faults []string) {
	next := Part{form: Form{from.Type, from.Schema + 1}}
	made.targets = []Part{next}
	for i, step := range steps {
		switch {
		case step.edit == nil && !step.ends && step.fault == "":
			faults = append(faults, fmt.Sprintf("step %d is empty: use the functions that make steps", i+1))
		case step.ends && i < len(steps)-1:
			faults = append(faults, fmt.Sprintf("codec.%s must be the last step", step.name))
		case step.ends:
			made.targets = step.become
		}
		if step.fault != "" {
			faults = append(faults, fmt.Sprintf("codec.%s: %s", step.name, step.fault))
		}
		for _, part := range step.become {
			if part.fault != "" {
				faults = append(faults, part.fault)
			}
		}
		if step.edit != nil {
			made.edits = append(made.edits, step.edit)
			next.makes = step.makes
		}
	}
	return made.making(next.makes), faults
}

// making notes the Go type of what the edits leave behind on those targets that take it as it is.
func (u upcaster) making(made reflect.Type) upcaster {
	targets := make([]Part, len(u.targets)) // the steps' own must not be written to
	for i, target := range u.targets {
		if target.edit == nil {
			target.makes = made
		}
		targets[i] = target
	}
	u.targets = targets
	return u
}

// edited is the event after all edits. Data that were erased are left alone.
func (u upcaster) edited(event contrail.Recorded) (contrail.Recorded, error) {
	if event.Erased {
		return event, nil
	}
	var err error
	for _, edit := range u.edits {
		if event, err = edit(event); err != nil {
			return event, err
		}
	}
	return event, nil
}

// made is the part of an edited event, or an error that wraps ErrOmit.
func (p Part) made(event contrail.Recorded) (contrail.Recorded, error) {
	if p.edit != nil && !event.Erased {
		var err error
		if event, err = p.edit(event); err != nil {
			return event, fmt.Errorf("into %s: %w", p.form, err)
		}
	}
	event.Type = p.form.Type
	event.Metadata = withSchema(event.Metadata, p.form.Schema)
	return event, nil
}
