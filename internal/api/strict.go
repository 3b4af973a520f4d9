package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/contrail-events/contrail/internal/jsonb"
)

// unambiguous refuses JSON that two readers may read differently: a field that is given twice, the name of one in other letters, which encoding/json
// takes for it, and half a surrogate pair, in place of which it puts another character. data is valid, and nested as deep as encoding/json takes.
func unambiguous(data []byte) error {
	if hasHalfPair(data) {
		return errors.New("has half of a surrogate pair, which is no character: remove it")
	}
	from := json.NewDecoder(bytes.NewReader(data))
	from.UseNumber() // as none is looked at
	return uniqueNames(from)
}

// uniqueNames walks over one value.
func uniqueNames(from *json.Decoder) error {
	token, err := from.Token()
	bracket, nested := token.(json.Delim)
	if err != nil || !nested {
		return err //nolint:wrapcheck // there is none: the text is valid
	}
	seen := map[string]bool{}
	for from.More() {
		if bracket == '{' {
			token, _ = from.Token()
			name, _ := token.(string)
			switch {
			case strings.ContainsFunc(name, isOtherLetter):
				return fmt.Errorf("has a field %.40q, and there is none: all names are in small letters, see /docs", name)
			case seen[name]:
				return fmt.Errorf("has the field %.40q twice: give it once", name)
			}
			seen[name] = true
		}
		if err := uniqueNames(from); err != nil {
			return err
		}
	}
	_, err = from.Token()
	return err //nolint:wrapcheck // likewise
}

// isOtherLetter tells of what no field's name has, and what may be folded to a letter that one has.
func isOtherLetter(r rune) bool { return 'A' <= r && r <= 'Z' || r >= utf8.RuneSelf }

// hasHalfPair tells whether a string in valid JSON has the escape of a surrogate without its other half.
func hasHalfPair(data []byte) bool {
	for i := 0; i < len(data); i++ {
		if data[i] != '\\' {
			continue
		}
		unit, escaped := jsonb.CodeUnit(data[i:])
		i++ // or else it may be an escaped backslash
		if !escaped || !utf16.IsSurrogate(unit) {
			continue
		}
		low, _ := jsonb.CodeUnit(data[i+len("u0000"):])
		if utf16.DecodeRune(unit, low) == utf8.RuneError {
			return true
		}
		i += len(`u0000\`)
	}
	return false
}
