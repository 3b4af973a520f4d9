package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/validation"
)

// jsonFormat reads and writes JSON. It refuses what would not be read as it was meant: bytes that are no UTF-8, in place of which another character
// would stand, and what is ambiguous. The text of an error goes on after "the body".
func jsonFormat() huma.Format {
	return huma.Format{
		Marshal: func(w io.Writer, v any) error {
			to := json.NewEncoder(w)
			to.SetEscapeHTML(false)
			return to.Encode(v)
		},
		Unmarshal: func(data []byte, v any) error {
			if !utf8.Valid(data) {
				return errors.New("is no JSON: it is no UTF-8")
			}
			if err := json.Unmarshal(data, v); err != nil {
				return unreadable(err)
			}
			if _, first := v.(*any); !first { // huma reads a body twice: to look at its shape, and then into our type
				return nil
			}
			return unambiguous(data)
		},
	}
}

// unreadable says it without a word of Go. What of the right shape has no place in our types is a number.
func unreadable(err error) error {
	if misfit, is := errors.AsType[*json.UnmarshalTypeError](err); is {
		return fmt.Errorf(`has a %.60s, which is out of range: give a smaller one, or text where text is asked for`, misfit.Value)
	}
	return fmt.Errorf("is no JSON: %w", err)
}

// ownProblems makes our problems of huma's, which are about what it parses: parameters and the shape of bodies.
func ownProblems(_ huma.Context, _ string, v any) (any, error) {
	found, is := v.(*huma.ErrorModel)
	if !is {
		return v, nil
	}
	switch found.Status {
	case kindMalformed.status():
		detail := "a body is required: send JSON, as /docs describes it"
		if len(found.Errors) > 0 {
			detail = "the body " + found.Errors[len(found.Errors)-1].Message
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
	if found.Message == validation.MsgExpectedMatchAtLeastOneSchema { // which only an amount can miss
		return Fault{Location: found.Location, Code: "shape", Message: `expected string or number: write it as "12.50"`}
	}
	return Fault{Location: found.Location, Code: "shape", Message: found.Message}
}
