package dashboard

import (
	"errors"
	"fmt"
	"html/template"
	"net/url"
	"strings"
)

// functions are what templates may call. Those about time and addresses answer for the scope.
func functions(s *scope, assets *assets) template.FuncMap {
	return template.FuncMap{
		"asset":       assets.address,
		"who":         func() string { return s.who.Name },
		"role":        func() Role { return s.who.Role },
		"mayAct":      func() bool { return s.who.mayAct() },
		"open":        func() bool { return s.open },
		"zone":        func() string { return s.zone.String() },
		"theme":       func() string { return s.theme },
		"stream":      func() string { return s.config.Stream },
		"version":     func() string { return s.config.Version },
		"here":        func() string { return s.with("", "") },
		"query":       s.with,
		"liveAddress": func() string { return s.live() },
		"sections":    sections,

		"time":    s.time,
		"ago":     s.ago,
		"input":   s.input,
		"number":  number,
		"seconds": seconds,
		"bytes":   bytesOf,
		"percent": percent,
		"json":    prettyJSON,
		"text":    plainText,
		"tone":    tone,

		"at":       at,
		"dict":     dict,
		"list":     func(values ...any) []any { return values },
		"field":    newField,
		"sentence": sentence,
	}
}

// live is the address that the page's live part comes from.
func (s *scope) live() string {
	values := s.address.Query()
	values.Del("format")
	values.Set("live", "1")
	changed := url.URL{Path: s.address.Path, RawPath: s.address.RawPath, RawQuery: values.Encode()}
	return changed.String()
}

// at puts values into the wildcards of a pattern, as in at "/events/{id}" .ID, such that each stays one segment of the address.
func at(pattern string, values ...any) (string, error) {
	var address strings.Builder
	for rest := pattern; ; {
		before, behind, found := strings.Cut(rest, "{")
		address.WriteString(before)
		if !found {
			break
		}
		_, after, closed := strings.Cut(behind, "}")
		if !closed || len(values) == 0 {
			return "", fmt.Errorf("at %q: a wildcard has no value", pattern)
		}
		address.WriteString(url.PathEscape(fmt.Sprint(values[0])))
		rest, values = after, values[1:]
	}
	if len(values) > 0 {
		return "", fmt.Errorf("at %q: %d values are left over", pattern, len(values))
	}
	return address.String(), nil
}

// dict is a map of the keys and values in turn, to give a partial several things.
func dict(pairs ...any) (map[string]any, error) {
	if len(pairs)%2 != 0 {
		return nil, errors.New("dict: a key has no value")
	}
	made := make(map[string]any, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		key, is := pairs[i].(string)
		if !is {
			return nil, fmt.Errorf("dict: the key %v is no string", pairs[i])
		}
		made[key] = pairs[i+1]
	}
	return made, nil
}

// field is one of a form.
type field struct {
	Kind, Name, Label string
	Value             string
	Options           []option
}

// option is one that a field offers.
type option struct{ Value, Label string }

// newField is a field for the partial "filters": of the kind text, number, datetime-local or select, with the values that it offers. An option is a value, or
// an option; the value "" is told as "any".
func newField(kind, name, label string, value any, options ...any) field {
	f := field{Kind: kind, Name: name, Label: label, Value: fmt.Sprint(value)}
	for _, offered := range options {
		if several, is := offered.([]any); is {
			f.Options = append(f.Options, newField(kind, name, label, value, several...).Options...)
			continue
		}
		one, is := offered.(option)
		if !is {
			one = option{fmt.Sprint(offered), fmt.Sprint(offered)}
		}
		if one.Label == "" {
			one.Label = "any"
		}
		f.Options = append(f.Options, one)
	}
	return f
}
