package main

import (
	"reflect"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"
)

// configExampleVerb prints a configuration file.
type configExampleVerb struct{}

// Help teaches.
func (*configExampleVerb) Help() string {
	return `Prints a configuration file with every setting in it, its default, and what it is for. All of them are commented out: take away the # before
those that you want, and before the verb that they belong to.

Examples:

  contrail config example > ~/.config/contrail/config.yaml
  contrail config example | less`
}

const exampleHead = `# The configuration of contrail: a name and a value a line. Flags count before the environment, and the environment before this file.
# What is at the top counts for every verb that takes such a flag, what is below a verb for that one alone. See contrail config --help.
# A file with a password in it must not be readable by everybody: chmod 600.
`

// Run prints.
func (*configExampleVerb) Run(a *app, parser *kong.Kong) error {
	e := &configExample{shared: sharedFlags(parser.Model)}
	e.text.WriteString(exampleHead)
	for _, flag := range parser.Model.Flags {
		e.flag(flag, "")
	}
	for _, flag := range e.shared {
		e.flag(flag, "")
	}
	for _, verb := range parser.Model.Children {
		e.verb(verb, "")
	}
	a.printf("%s", e.text.String())
	return a.unwritten
}

type configExample struct {
	shared []*kong.Flag
	text   strings.Builder
}

// sharedFlags are those that many verbs take.
func sharedFlags(program *kong.Application) []*kong.Flag {
	const many = 5
	count := map[string]int{}
	var shared []*kong.Flag
	for _, leaf := range program.Leaves(true) {
		for _, flag := range leaf.Flags {
			if !settable(flag) || flag.IsBool() || child(program.Node, flag.Name) != nil {
				continue // the name of a verb stands for its section
			}
			if count[flag.Name]++; count[flag.Name] == many {
				shared = append(shared, flag)
			}
		}
	}
	return shared
}

func (e *configExample) verb(verb *kong.Node, indent string) {
	if verb.Hidden {
		return
	}
	var below configExample
	below.shared = e.shared
	for _, flag := range verb.Flags {
		if !below.isShared(flag) {
			below.flag(flag, indent+"  ")
		}
	}
	for _, one := range verb.Children {
		below.verb(one, indent+"  ")
	}
	if below.text.Len() > 0 {
		e.text.WriteString("\n# " + indent + verb.Help + "\n#" + indent + verb.Name + ":" + below.text.String())
	}
}

func (e *configExample) isShared(flag *kong.Flag) bool {
	for _, one := range e.shared {
		if one.Name == flag.Name && one.Default == flag.Default {
			return true
		}
	}
	return false
}

func (e *configExample) flag(flag *kong.Flag, indent string) {
	if !settable(flag) || flag.Hidden {
		return
	}
	value := flag.Default
	if !flag.HasDefault {
		value = nothing(flag)
	}
	e.text.WriteString("\n# " + indent + valueText(flag.Value) + "\n#" + indent + flag.Name + ": " + scalar(value) + "\n")
}

// nothing is the value of a flag that has no default.
func nothing(flag *kong.Flag) string {
	switch kind := flag.Target.Kind(); {
	case flag.IsBool():
		return "false"
	case flag.Target.Type() == reflect.TypeFor[time.Duration]():
		return "0s"
	case kind >= reflect.Int && kind <= reflect.Float64:
		return "0"
	}
	return ""
}

// scalar is a value as YAML writes it.
func scalar(value string) string {
	if value == "" {
		return `""`
	}
	text, err := yaml.Marshal(value)
	if plainYAML := strings.TrimSpace(string(text)); err == nil && !strings.Contains(plainYAML, "\n") {
		return strings.Trim(plainYAML, `"`)
	}
	return "'" + strings.ReplaceAll(value, "'", "''") + "'"
}
