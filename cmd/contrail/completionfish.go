package main

import (
	"fmt"
	"strings"
)

const fishHead = `# fish completion for contrail, written by: contrail completion fish

function __contrail_verb
    set -l verb ''
    set -l flag ''
    set -l tokens (commandline -opc)
    for word in $tokens[2..-1]
        if test -n "$flag"
            set flag ''
            continue
        end
        switch "$verb:$word"
            case %s
                set flag $word
            case %s
                set verb (string trim -- "$verb $word")
        end
    end
    echo $verb
end

function __contrail_at
    test (__contrail_verb) = "$argv[1]"
end

complete -c contrail -f
`

// fishCompletion is a script for fish 3, which tells of each verb and flag what it does.
func fishCompletion(places []completionPlace) string {
	var script strings.Builder
	fmt.Fprintf(&script, fishHead, strings.Join(takeCases(places), " "), strings.Join(walkCases(places), " "))
	for _, place := range places {
		at := "complete -c contrail -n " + fishQuoted("__contrail_at "+fishQuoted(place.path))
		for _, verb := range place.verbs {
			script.WriteString(at + " -a " + fishQuoted(verb.word) + " -d " + fishQuoted(verb.text) + "\n")
		}
		if len(place.args.values) > 0 {
			script.WriteString(at + " -a " + fishQuoted(strings.Join(place.args.values, " ")) + "\n")
		}
		if place.args.files {
			script.WriteString(at + " -F\n")
		}
		for _, flag := range place.flags {
			script.WriteString(at + flag.fish() + " -d " + fishQuoted(flag.text) + "\n")
		}
	}
	return script.String()
}

// fish is a flag as complete wants it.
func (f completionFlag) fish() string {
	var text strings.Builder
	for _, name := range f.names {
		if long, isLong := strings.CutPrefix(name, "--"); isLong {
			text.WriteString(" -l " + long)
		} else {
			text.WriteString(" -s " + name[1:])
		}
	}
	switch {
	case f.files:
		text.WriteString(" -r -F")
	case len(f.values) > 0:
		text.WriteString(" -x -a " + fishQuoted(strings.Join(f.values, " ")))
	case f.takes:
		text.WriteString(" -x")
	}
	return text.String()
}

// fishQuoted is a word that fish does not take apart.
func fishQuoted(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(text) + "'"
}
