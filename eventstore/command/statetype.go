package command

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// typeName is the type's name with the path of its package, or "" when the type has no name that is its own: it has none, belongs to the
// language, or to one of the many packages main.
func typeName(t reflect.Type) string {
	for t.Kind() == reflect.Pointer && t.Name() == "" {
		t = t.Elem()
	}
	if t.Name() == "" || t.PkgPath() == "" || t.PkgPath() == "main" {
		return ""
	}
	return t.PkgPath() + "." + t.Name()
}

// leftOut tells what encoding/json would silently leave out of a value of type t, or could not bring back, "" for nothing: a state that
// came back with a part missing would decide wrongly.
func leftOut(t reflect.Type) string {
	return typeWalk{}.leftOut(t, t.String())
}

// typeWalk remembers the types that have been looked at, since types may contain themselves.
type typeWalk map[reflect.Type]bool

func (w typeWalk) leftOut(t reflect.Type, path string) string {
	if w[t] || marshalsItself(t) {
		return ""
	}
	w[t] = true
	switch kind := t.Kind(); {
	case kind == reflect.Struct:
		if reason := (fieldNames{}).twice(t, path); reason != "" {
			return reason
		}
		return w.leftOutOfFields(t, path)
	case kind == reflect.Map && !isKey(t.Key()):
		return fmt.Sprintf("%s has keys of type %s", path, t.Key())
	case slices.Contains([]reflect.Kind{reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map}, kind):
		return w.leftOut(t.Elem(), path)
	case kind == reflect.Interface && t.NumMethod() > 0:
		return path + " is an interface, and JSON does not tell which type to bring back: give it MarshalJSON and UnmarshalJSON"
	case slices.Contains([]reflect.Kind{reflect.Chan, reflect.Func, reflect.UnsafePointer, reflect.Complex64, reflect.Complex128}, kind):
		return fmt.Sprintf("%s is a %s", path, kind)
	}
	return ""
}

func (w typeWalk) leftOutOfFields(t reflect.Type, path string) string {
	for field := range t.Fields() {
		tag, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		fieldPath := path + "." + field.Name
		switch {
		case field.Tag.Get("json") == "-" || field.Type.Size() == 0: // left out on purpose, or nothing to leave out
		case !field.IsExported() && (!field.Anonymous || tag != "" || field.Type.Kind() != reflect.Struct):
			return fieldPath + " is unexported: export it, or give the type MarshalJSON and UnmarshalJSON"
		default:
			if reason := w.leftOut(field.Type, fieldPath); reason != "" {
				return reason
			}
		}
	}
	return ""
}

// fieldNames are the names in JSON that have been met, with the field of each; and the embedded types, which may embed themselves.
type fieldNames map[any]string

// twice tells which two fields have one name in JSON, which then leaves one or both out, "" for none. The fields of an embedded struct count
// as those of the struct around it.
func (n fieldNames) twice(t reflect.Type, path string) string {
	for field := range t.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		fieldPath, embedded := path+"."+field.Name, field.Type
		if embedded.Kind() == reflect.Pointer {
			embedded = embedded.Elem()
		}
		switch {
		case field.Tag.Get("json") == "-":
			continue
		case field.Anonymous && name == "" && embedded.Kind() == reflect.Struct:
			if n[embedded] == "" {
				n[embedded] = fieldPath
				if reason := n.twice(embedded, fieldPath); reason != "" {
					return reason
				}
			}
			continue
		case !field.IsExported():
			continue
		case name == "":
			name = field.Name
		}
		if n[name] != "" {
			return fmt.Sprintf("%s and %s are both called %q there", n[name], fieldPath, name)
		}
		n[name] = fieldPath
	}
	return ""
}

// marshalsItself trusts that who writes itself also reads itself.
func marshalsItself(t reflect.Type) bool {
	return slices.ContainsFunc([]reflect.Type{
		reflect.TypeFor[json.Marshaler](), reflect.TypeFor[encoding.TextMarshaler](),
	}, func(marshaler reflect.Type) bool {
		return t.Implements(marshaler) || reflect.PointerTo(t).Implements(marshaler)
	})
}

// isKey tells whether encoding/json takes t as the key of an object.
func isKey(t reflect.Type) bool {
	return t.Kind() == reflect.String || t.Kind() >= reflect.Int && t.Kind() <= reflect.Uintptr ||
		t.Implements(reflect.TypeFor[encoding.TextMarshaler]())
}
