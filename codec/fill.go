package codec

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/contrail-events/contrail"
)

// Fill gives a field that older data lack a value, which is written as encoding/json does. A field that is there is left alone, null
// included. The path is a field's name, or names with dots between them for one of an object within, as in invoice.due_date; objects that
// are absent on the way are made. Data that hold something else than an object there are an error. For a name that has a dot itself, and for
// the elements of arrays, use [Convert].
func Fill(path string, value any) Step {
	text, err := json.Marshal(value)
	step := FillFrom(path, func(contrail.Recorded) (any, error) { return json.RawMessage(text), nil })
	step.name = fmt.Sprintf("Fill(%q)", path)
	if err != nil {
		step.fault = fmt.Sprintf("its value has no JSON form: %v", err)
	}
	return step
}

// FillFrom is [Fill] with a value that is made from the event, as it is when the step's turn comes: its metadata, say, or the time when it was
// recorded. It is not called for an event that has the field. The event is a copy, which may be kept and changed.
func FillFrom(path string, value func(contrail.Recorded) (any, error)) Step {
	keys, fault := splitPath(path)
	if value == nil {
		fault = "the function is nil"
	}
	edit := func(event contrail.Recorded) (contrail.Recorded, error) {
		var err error
		event.Data, err = change(event.Data, keys, func(object map[string]json.RawMessage, key string) error {
			if _, found := object[key]; found {
				return nil
			}
			made, err := value(copied(event))
			if err != nil {
				return err
			}
			object[key], err = json.Marshal(made)
			return err //nolint:wrapcheck // wrapped below
		})
		if err != nil {
			return event, fmt.Errorf("fill %s: %w", path, err)
		}
		return event, nil
	}
	return Step{name: fmt.Sprintf("FillFrom(%q)", path), fault: fault, edit: edit}
}

// RenameField moves a value from one path, as in [Fill], to another. Data that lack it are left alone; those that hold something at the new
// path already are an error.
func RenameField(from, to string) Step {
	source, fault := splitPath(from)
	target, targetFault := splitPath(to)
	if fault == "" {
		fault = targetFault
	}
	edit := func(event contrail.Recorded) (contrail.Recorded, error) {
		data, err := moved(event.Data, source, target)
		if err != nil {
			return event, fmt.Errorf("rename field %s to %s: %w", from, to, err)
		}
		event.Data = data
		return event, nil
	}
	return Step{name: fmt.Sprintf("RenameField(%q, %q)", from, to), fault: fault, edit: edit}
}

func moved(data json.RawMessage, source, target []string) (json.RawMessage, error) {
	if found, err := has(data, source); err != nil || !found {
		return data, err
	}
	var value json.RawMessage
	data, err := change(data, source, func(object map[string]json.RawMessage, key string) error {
		value = object[key]
		delete(object, key)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return change(data, target, func(object map[string]json.RawMessage, key string) error {
		if _, taken := object[key]; taken {
			return errTaken
		}
		object[key] = value
		return nil
	})
}

// copied is an event that may be written to.
func copied(event contrail.Recorded) contrail.Recorded {
	event.Data, event.Metadata = slices.Clone(event.Data), maps.Clone(event.Metadata)
	return event
}
