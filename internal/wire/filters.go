package wire

import (
	"slices"
	"strings"
)

// Names of placeholders in a template of subjects, beside the keys of metadata.
const (
	PlaceCategory = "category"
	PlaceID       = "id"
	PlaceType     = "type"
)

// Filters returns the subjects that select events by the values of placeholders: one for each combination, with '*' for each token that has
// a placeholder without values. An event that is not selected may pass, where the template does not tell its values apart; one that is, always
// does. They don't overlap. Values without their placeholder, and values that can't stand in a subject, are of no consequence.
func (s Subjects) Filters(values map[string][]string) []string {
	filters := []string{s.prefix}
	decisive := false
	for _, token := range s.tokens() {
		spelled := spell(token, values)
		decisive = decisive || !slices.Equal(spelled, []string{"*"})
		next := make([]string, 0, len(filters)*len(spelled))
		for _, filter := range filters {
			for _, text := range spelled {
				next = append(next, filter+"."+text)
			}
		}
		filters = next
	}
	if !decisive {
		return []string{s.Filter()}
	}
	return filters
}

// tokens are the parts behind the prefix, token by token.
func (s Subjects) tokens() (tokens [][]part) {
	for _, p := range s.parts[1:] {
		if p.kind == literal && p.text == "." {
			tokens = append(tokens, nil)
			continue
		}
		tokens[len(tokens)-1] = append(tokens[len(tokens)-1], p)
	}
	return tokens
}

// spell returns what a token can be, given the values of its placeholders.
func spell(token []part, values map[string][]string) []string {
	spelled := []string{""}
	for _, p := range token {
		alternatives := []string{p.text}
		if p.kind != literal {
			alternatives = legal(values[p.name()])
		}
		if len(alternatives) == 0 {
			return []string{"*"}
		}
		next := make([]string, 0, len(spelled)*len(alternatives))
		for _, before := range spelled {
			for _, text := range alternatives {
				next = append(next, before+text)
			}
		}
		spelled = next
	}
	slices.Sort(spelled)
	return slices.Compact(spelled)
}

// legal leaves out what no event on a subject has. If that is all, nothing is left to tell events apart by.
func legal(values []string) []string {
	return slices.DeleteFunc(slices.Clone(values), func(value string) bool {
		return value == "" || checkToken(value) != nil || strings.Contains(value, "\x00")
	})
}

// name of a placeholder.
func (p part) name() string {
	switch p.kind {
	case streamCategory:
		return PlaceCategory
	case streamID:
		return PlaceID
	case eventType:
		return PlaceType
	case literal, metadataValue:
	}
	return p.text
}
