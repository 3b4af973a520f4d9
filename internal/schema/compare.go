package schema

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// Difference is an object that is not as it should be.
type Difference struct {
	Object string // its name
	Want   string // its definition as it should be; "" when there should be no such object
	Have   string // its definition as it is; "" when there is no such object
}

// Compare returns what differs, sorted by name. Of a table that is on one side only, what belongs to it is not listed beside it.
func Compare(want, have []Object) []Difference {
	wanted, had := byName(want), byName(have)
	names := maps.Clone(wanted)
	maps.Copy(names, had)
	var differences []Difference
	for _, name := range slices.Sorted(maps.Keys(names)) {
		table := tableOf(name)
		alone := table != "" && (wanted[table] == "") != (had[table] == "")
		if wanted[name] != had[name] && !alone {
			differences = append(differences, Difference{Object: name, Want: wanted[name], Have: had[name]})
		}
	}
	return differences
}

func byName(objects []Object) map[string]string {
	definitions := make(map[string]string, len(objects))
	for _, object := range objects {
		definitions[object.Name] = object.Definition
	}
	return definitions
}

func (o Object) compare(other Object) int { return cmp.Compare(o.Name, other.Name) }

// tableOf is what an object belongs to: "table events" for "column events.data".
func tableOf(name string) string {
	kind, rest, _ := strings.Cut(name, " ")
	table, _, found := strings.Cut(rest, ".")
	if !found || kind == "function" {
		return ""
	}
	return "table " + table
}
