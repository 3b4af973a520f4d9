package invoicing

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// fieldNames lists every path that an invoice may have, list indices left out. encoding/json alone would take "Reference" for "reference",
// and the last of two fields of one name.
func fieldNames() []string {
	return []string{
		"reference", "organisation", "organisation.reference", "organisation.name",
		"contact", "contact.reference", "contact.first_name", "contact.last_name", "contact.email",
		"currency_code", "due_date", "drafted_on", "line_items", "line_items.description", "line_items.quantity",
		"line_items.unit_amount", "line_items.unit_amount.amount", "line_items.unit_amount.currency_code",
		"sub_total", "sub_total.amount", "sub_total.currency_code",
	}
}

// checkNames walks the whole line: it must be one JSON object, with no field that an invoice does not have and none twice.
func checkNames(text []byte) *LineError {
	decoder := json.NewDecoder(bytes.NewReader(text))
	walk := nameWalk{decoder: decoder, known: fieldNames()}
	first, err := decoder.Token()
	if err == nil && first != json.Delim('{') {
		return fieldFault("", "is JSON, but no object")
	}
	if err == nil {
		err = walk.object("", "")
	}
	if fault, ok := errors.AsType[*LineError](err); ok {
		return fault
	}
	if err != nil {
		return fieldFault("", "is not JSON: %s", syntax(err))
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return fieldFault("", "has something behind the JSON object")
	}
	return nil
}

func syntax(err error) string {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "it ends too early"
	}
	return err.Error()
}

// nameWalk goes through an object's names, depth first. A path is as a person writes it, a shape is the path without list indices.
type nameWalk struct {
	decoder *json.Decoder
	known   []string
}

func (w nameWalk) object(path, shape string) error {
	var seen []string
	for w.decoder.More() {
		token, err := w.decoder.Token()
		if err != nil {
			return err //nolint:wrapcheck // checkNames tells what it was
		}
		name, _ := token.(string) // the decoder sees to it that a name is a string
		inner, innerShape := join(path, name), join(shape, name)
		if strings.Contains(name, ".") || !slices.Contains(w.known, innerShape) {
			return fieldFault(cut(inner), "is no field of an invoice")
		}
		if slices.Contains(seen, name) {
			return fieldFault(inner, "is there twice")
		}
		seen = append(seen, name)
		if err := w.value(inner, innerShape); err != nil {
			return err
		}
	}
	_, err := w.decoder.Token() // the closing brace
	return err                  //nolint:wrapcheck // likewise
}

func (w nameWalk) value(path, shape string) error {
	token, err := w.decoder.Token()
	if err != nil {
		return err //nolint:wrapcheck // likewise
	}
	switch token {
	case json.Delim('{'):
		return w.object(path, shape)
	case json.Delim('['):
		if strings.HasSuffix(path, "]") { // a line of nothing but brackets would take more memory than there is
			return fieldFault(path, "is a list in a list, which no field of an invoice is")
		}
		for n := 0; w.decoder.More(); n++ {
			if err := w.value(fmt.Sprintf("%s[%d]", path, n), shape); err != nil {
				return err
			}
		}
		_, err = w.decoder.Token() // the closing bracket
	}
	return err //nolint:wrapcheck // likewise
}
