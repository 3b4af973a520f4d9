package main

import (
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// completionPlace is what may follow the words of a verb.
type completionPlace struct {
	path  string // "events list"; the program's own is empty
	verbs []gloss
	flags []completionFlag
	args  completionValue
}

// completionFlag is a flag in all its spellings.
type completionFlag struct {
	names []string // --quiet, -q
	text  string
	takes bool // a value
	completionValue
}

// completionValue is what is known of a value.
type completionValue struct {
	values []string
	files  bool
}

// completionPlaces are the places of all verbs, and those behind help.
func completionPlaces(program *kong.Application) []completionPlace {
	var places []completionPlace
	for _, node := range pageNodes(program.Node) {
		place := completionPlace{path: strings.TrimPrefix(node.Path(), program.Name), verbs: commandsOf(node)}
		place.path = strings.TrimSpace(place.path)
		for owner := node; owner != nil; owner = owner.Parent {
			for _, flag := range owner.Flags {
				if !flag.Hidden && !place.has("--"+flag.Name) {
					place.flags = append(place.flags, completionOf(flag))
				}
			}
		}
		for _, arg := range node.Positional {
			value := valueOf(arg)
			place.args.values = append(place.args.values, value.values...)
			place.args.files = place.args.files || value.files
		}
		places = append(places, place)
	}
	return append(places, helpPlaces(places)...)
}

// helpPlaces are where help names a verb.
func helpPlaces(places []completionPlace) []completionPlace {
	var helped []completionPlace
	for n, place := range places {
		switch {
		case place.path == "help":
			places[n].verbs = places[0].verbs
		case place.path != "":
			helped = append(helped, completionPlace{path: "help " + place.path, verbs: place.verbs})
		}
	}
	return helped
}

func (p completionPlace) has(name string) bool {
	return slices.ContainsFunc(p.flags, func(flag completionFlag) bool { return slices.Contains(flag.names, name) })
}

func completionOf(flag *kong.Flag) completionFlag {
	found := completionFlag{names: []string{"--" + flag.Name}, text: valueText(flag.Value), takes: !flag.IsBool() && !flag.IsCounter(), completionValue: valueOf(flag.Value)}
	if flag.Tag.Negatable != "" {
		found.names = append(found.names, "--no-"+flag.Name)
	}
	if flag.Short != 0 {
		found.names = append(found.names, "-"+string(flag.Short))
	}
	return found
}

// valueOf knows the values of an enum, and which ones are files, by their type or by what the help calls them.
func valueOf(value *kong.Value) completionValue {
	found := completionValue{}
	if value.Enum != "" {
		found.values = value.EnumSlice()
	}
	called := strings.ToUpper(value.Name)
	if value.Flag != nil {
		called = value.Flag.PlaceHolder
	}
	found.files = called == "FILE" || called == "DIR" || value.Tag.Type == "path" || value.Tag.Type == "existingfile"
	return found
}

// words are the names of all.
func words(terms []gloss) []string {
	var all []string
	for _, one := range terms {
		all = append(all, one.word)
	}
	return all
}

// pathPattern is how a place is written where the scripts look: "events list:".
func (p completionPlace) pathPattern(word string) string { return "'" + p.path + ":" + word + "'" }

// walkCases are the patterns of words that lead from a place to the one below it, as path:word.
func walkCases(places []completionPlace) []string {
	var patterns []string
	for _, place := range places {
		for _, verb := range place.verbs {
			patterns = append(patterns, place.pathPattern(verb.word))
		}
	}
	return patterns
}

// takeCases are the patterns of flags that take the next word, likewise.
func takeCases(places []completionPlace) []string {
	var patterns []string
	for _, place := range places {
		for _, flag := range place.flags {
			if flag.takes {
				for _, name := range flag.names {
					patterns = append(patterns, place.pathPattern(name))
				}
			}
		}
	}
	return patterns
}

// shellQuoted is a word that no shell takes apart.
func shellQuoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
