package codec

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

var errTaken = errors.New("the field is there already")

// splitPath splits invoice.due_date at its dots.
func splitPath(path string) (keys []string, fault string) {
	keys = strings.Split(path, ".")
	if slices.Contains(keys, "") {
		fault = "its path has an empty name: write field, or object.field"
	}
	return keys, fault
}

// change returns data with what edit does to the object that holds the last of keys. Objects that are absent on the way are made. All other
// values stay as they are written, so that no number loses a digit.
func change(
	data json.RawMessage, keys []string, edit func(object map[string]json.RawMessage, key string) error,
) (json.RawMessage, error) {
	object, err := parseObject(data)
	if err != nil {
		return nil, err
	}
	if len(keys) == 1 {
		err = edit(object, keys[0])
	} else {
		inner, found := object[keys[0]]
		if !found {
			inner = json.RawMessage("{}")
		}
		if object[keys[0]], err = change(inner, keys[1:], edit); err != nil {
			err = fmt.Errorf("in %s: %w", keys[0], err)
		}
	}
	if err != nil {
		return nil, err
	}
	return json.Marshal(object) //nolint:wrapcheck // the step is named by who calls it
}

// has tells whether data have a value at a path.
func has(data json.RawMessage, keys []string) (bool, error) {
	object, err := parseObject(data)
	if err != nil {
		return false, err
	}
	inner, found := object[keys[0]]
	if !found || len(keys) == 1 {
		return found, nil
	}
	return has(inner, keys[1:])
}

func parseObject(data json.RawMessage) (map[string]json.RawMessage, error) {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(data, &object); err != nil {
		return nil, err //nolint:wrapcheck // the step is named by who calls it
	}
	if object == nil {
		return nil, errors.New("is null, and no object")
	}
	return object, nil
}
