package main

import (
	"fmt"
	"strings"
)

const zshHead = `#compdef contrail
# zsh completion for contrail, written by: contrail completion zsh

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

const zshTail = `
_contrail() {
  local verb= flag= word= values= files=
  local -i n
  local -a verbs flags
  for ((n = 2; n < CURRENT; n++)); do
    word=${words[n]}
    if [[ -n $flag ]]; then
      flag=
    elif [[ $word == -* ]]; then
      _contrail_takes "$verb:$word" && flag=$word
    elif _contrail_walks "$verb:$word"; then
      verb=${verb:+$verb }$word
    fi
  done
  _contrail_place
  if [[ -z $flag && ${words[CURRENT]} == --*=* ]]; then
    flag=${words[CURRENT]%%=*}
    compset -P '*='
  fi
  if [[ -n $flag ]]; then
    _contrail_value
  elif [[ ${words[CURRENT]} == -* ]]; then
    _describe -o -t flags flag flags
    return
  elif (( ${#verbs} )); then
    _describe -t verbs verb verbs
  fi
  [[ -n $values ]] && compadd -- ${=values}
  [[ -n $files ]] && _files
  return 0
}

if [[ ${funcstack[1]} == _contrail ]]; then
  _contrail "$@"
else
  compdef _contrail contrail
fi
`

// zshCompletion is a script for zsh 5, which tells of each verb and flag what it does.
func zshCompletion(places []completionPlace) string {
	var script strings.Builder
	fmt.Fprintf(&script, zshHead, strings.Join(walkCases(places), " | "), strings.Join(takeCases(places), " | "))
	script.WriteString("\n_contrail_place() {\n  case \"$verb\" in\n")
	for _, place := range places {
		fmt.Fprintf(&script, "    %s)\n      %s\n", shellQuoted(place.path), place.args.assigned())
		script.WriteString("      verbs=(" + described(place.verbs) + ")\n")
		var flags []gloss
		for _, flag := range place.flags {
			for _, name := range flag.names {
				flags = append(flags, gloss{name, flag.text})
			}
		}
		script.WriteString("      flags=(" + described(flags) + ")\n      ;;\n")
	}
	script.WriteString("  esac\n}\n\n_contrail_value() {\n  values= files=\n  case \"$verb:$flag\" in\n")
	for _, line := range valueCases(places) {
		script.WriteString("    " + line + "\n")
	}
	return script.String() + "  esac\n}\n" + zshTail
}

// described are words with their texts, as _describe wants them: a colon in between.
func described(terms []gloss) string {
	var all []string
	for _, one := range terms {
		all = append(all, shellQuoted(strings.ReplaceAll(one.word, ":", `\:`)+":"+one.text))
	}
	return strings.Join(all, " ")
}
