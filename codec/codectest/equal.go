package codectest

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// equal tells whether two texts are JSON of the same meaning. Text that is no JSON is equal to nothing.
func equal(a, b []byte) bool {
	first, errFirst := parse(a)
	second, errSecond := parse(b)
	return errFirst == nil && errSecond == nil && same(first, second)
}

// parse keeps numbers as they are written: a float would lose digits of large ones.
func parse(text []byte) (value any, err error) {
	if !json.Valid(text) { // a decoder stops after the first value
		return nil, &json.SyntaxError{}
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	err = decoder.Decode(&value)
	return value, err //nolint:wrapcheck // only looked at
}

func same(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		return ok && maps.EqualFunc(a, b, same)
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, same)
	case json.Number:
		b, ok := b.(json.Number)
		return ok && sameNumber(a.String(), b.String())
	}
	return a == b
}

// sameNumber compares whole numbers digit by digit and others, which encoding/json writes in a form of its own, as floats.
func sameNumber(a, b string) bool {
	if a == b {
		return true
	}
	if !strings.ContainsAny(a+b, ".eE") {
		return false
	}
	first, errFirst := strconv.ParseFloat(a, 64)
	second, errSecond := strconv.ParseFloat(b, 64)
	return errFirst == nil && errSecond == nil && first == second
}
