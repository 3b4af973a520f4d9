package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
)

// jsonFormat reads and writes JSON. Bytes that are no UTF-8 are refused instead of replaced: a name would not be what was sent.
func jsonFormat() huma.Format {
	return huma.Format{
		Marshal: func(w io.Writer, v any) error {
			to := json.NewEncoder(w)
			to.SetEscapeHTML(false)
			return to.Encode(v)
		},
		Unmarshal: func(data []byte, v any) error {
			if !utf8.Valid(bytes.TrimSpace(data)) {
				return errors.New("it is no UTF-8")
			}
			return json.Unmarshal(data, v)
		},
	}
}

// ownProblems makes our problems of huma's, which are about what it parses: parameters and the shape of bodies.
func ownProblems(_ huma.Context, _ string, v any) (any, error) {
	found, is := v.(*huma.ErrorModel)
	if !is {
		return v, nil
	}
	switch found.Status {
	case kindMalformed.status():
		detail := found.Detail
		if len(found.Errors) > 0 {
			detail = "the body is no JSON: " + found.Errors[len(found.Errors)-1].Message
		}
		return problem(kindMalformed, detail), nil
	case kindInvalid.status():
		faults := make([]Fault, len(found.Errors))
		for i, one := range found.Errors {
			faults[i] = ownFault(one)
		}
		return faulty(kindInvalid, faults), nil
	case kindTooLarge.status():
		return problem(kindTooLarge, found.Detail), nil
	}
	return nil, fmt.Errorf("no problem of ours for status %d: %s", found.Status, found.Detail)
}

// ownFault leaves out the value, which may be a whole body with somebody's address in it, and puts a missing property where it is missing.
func ownFault(found *huma.ErrorDetail) Fault {
	if name, missing := strings.CutPrefix(found.Message, "expected required property "); missing {
		name = strings.TrimSuffix(name, " to be present")
		return Fault{Location: found.Location + "." + name, Code: "shape.missing", Message: "is missing: give it"}
	}
	if found.Message == "unexpected property" {
		return Fault{Location: found.Location, Code: "shape.unknown", Message: "is no field of these: leave it out"}
	}
	return Fault{Location: found.Location, Code: "shape", Message: found.Message}
}
