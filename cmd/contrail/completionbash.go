package main

import (
	"fmt"
	"strings"
)

const bashHead = `# bash completion for contrail, written by: contrail completion bash

_contrail_walks() {
  case "$1" in
    %s) return 0 ;;
  esac
  return 1
}

_contrail_takes() {
  case "$1" in
    %s) return 0 ;;
  esac
  return 1
}
`

const bashTail = `
_contrail() {
  local cur=${COMP_WORDS[COMP_CWORD]} verb= flag= word= n verbs= flags= values= files=
  COMPREPLY=()
  for ((n = 1; n < COMP_CWORD; n++)); do
    word=${COMP_WORDS[n]}
    if [[ $word == = ]]; then # bash takes --flag=value apart
      flag=${COMP_WORDS[n-1]}
      continue
    fi
    if [[ -n $flag ]]; then
      flag=
    elif [[ $word == -* ]]; then
      _contrail_takes "$verb:$word" && flag=$word
    elif _contrail_walks "$verb:$word"; then
      verb=${verb:+$verb }$word
    fi
  done
  if [[ $cur == = ]]; then
    flag=${COMP_WORDS[COMP_CWORD-1]} cur=
  fi
  _contrail_place
  if [[ -n $flag ]]; then
    _contrail_value
  elif [[ $cur == -* ]]; then
    values=$flags files=
  else
    values="$verbs $values"
  fi
  COMPREPLY=($(compgen -W "$values" -- "$cur"))
  if [[ -n $files ]]; then
    local IFS=$'\n'
    compopt -o filenames 2>/dev/null
    COMPREPLY+=($(compgen -f -- "$cur"))
  fi
}

complete -F _contrail contrail
`

// bashCompletion is a script for bash 3.2 or later.
func bashCompletion(places []completionPlace) string {
	var script strings.Builder
	fmt.Fprintf(&script, bashHead, strings.Join(walkCases(places), " | "), strings.Join(takeCases(places), " | "))
	script.WriteString("\n_contrail_place() {\n  case \"$verb\" in\n")
	for _, place := range places {
		var flags []string
		for _, flag := range place.flags {
			flags = append(flags, flag.names...)
		}
		fmt.Fprintf(&script, "    %s) verbs=%s flags=%s %s ;;\n", shellQuoted(place.path), shellQuoted(strings.Join(words(place.verbs), " ")),
			shellQuoted(strings.Join(flags, " ")), place.args.assigned())
	}
	script.WriteString("  esac\n}\n\n_contrail_value() {\n  values= files=\n  case \"$verb:$flag\" in\n")
	for _, line := range valueCases(places) {
		script.WriteString("    " + line + "\n")
	}
	return script.String() + "  esac\n}\n" + bashTail
}

// assigned sets what is known of a value.
func (v completionValue) assigned() string {
	files := ""
	if v.files {
		files = "1"
	}
	return "values=" + shellQuoted(strings.Join(v.values, " ")) + " files=" + files
}

// valueCases are the flags of which some value is known.
func valueCases(places []completionPlace) []string {
	var lines []string
	for _, place := range places {
		for _, flag := range place.flags {
			if len(flag.values) == 0 && !flag.files {
				continue
			}
			var patterns []string
			for _, name := range flag.names {
				patterns = append(patterns, place.pathPattern(name))
			}
			lines = append(lines, strings.Join(patterns, " | ")+") "+flag.assigned()+" ;;")
		}
	}
	return lines
}
