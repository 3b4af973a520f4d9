package main

import (
	"strings"

	"github.com/alecthomas/kong"
)

// configShowVerb tells what is set.
type configShowVerb struct {
	Verb []string `arg:"" optional:"" help:"A verb, to see all that it takes. Default: what every verb takes, and of all verbs what is set."`
	All  bool     `env:"-" help:"Every setting of every verb."`
	JSON bool     `name:"json" env:"-" help:"Print JSON."`
}

// Help teaches.
func (*configShowVerb) Help() string {
	return `Tells each setting, its value, and where it comes from: a flag of this very call, a variable, a line of the configuration file, or the
default. Secrets are told as "…".

Examples:

  contrail config show
  contrail config show relay
  contrail config show --all --json | jq '.settings[] | select(.from != "default")'`
}

// shownConfig is what --json prints.
type shownConfig struct {
	File     string         `json:"file,omitempty"`
	Settings []shownSetting `json:"settings"`
}

type shownSetting struct {
	Verb  string `json:"verb,omitempty"`
	Name  string `json:"name"`
	Value string `json:"value"`
	From  string `json:"from"`
}

// Run tells.
func (v *configShowVerb) Run(a *app, parsed *kong.Context) error {
	if v.All && len(v.Verb) > 0 {
		return usagef("both a verb and --all are given; give one of them")
	}
	file, err := configOf(parsed)
	if err != nil {
		return err
	}
	top := parsed.Model.Node
	for n, name := range v.Verb {
		below := child(top, name)
		if below == nil {
			return noVerb(top, strings.Join(v.Verb[:n+1], " "), name)
		}
		top = below
	}
	shown := shownConfig{File: file.path, Settings: v.settings(parsed, file, top)}
	if v.JSON {
		return a.printJSON(shown)
	}
	if file.path == "" {
		a.note("there is no configuration file; contrail config example prints one\n\n")
	} else {
		a.note("configuration file %s\n\n", file.path)
	}
	rows := [][]string{{"verb", "setting", "value", "from"}}
	for _, one := range shown.Settings {
		rows = append(rows, []string{orDash(one.Verb), one.Name, orDash(one.Value), one.From})
	}
	a.printTable(rows)
	return nil
}

// settings are those of every verb first. What a verb has of its own is told if it is set, or if that verb, or all, are asked for.
func (v *configShowVerb) settings(parsed *kong.Context, file *configFile, top *kong.Node) []shownSetting {
	var common, own []shownSetting
	seen := map[string]bool{}
	for _, leaf := range leavesOf(top) {
		for _, flag := range verbFlags(leaf) {
			if !settable(flag) && flag.Name != "config" {
				continue
			}
			value, from := file.origin(parsed, leaf, flag)
			one := shownSetting{leaf.Path(), flag.Name, masked(flag.Name, value), from}
			global := flag == globalFlag(parsed.Model, flag.Name)
			if found, set := file.set[place{leaf, flag}]; global && (!set || found.top) {
				one.Verb = ""
			}
			switch {
			case one.Verb == "" && !seen[flag.Name]:
				seen[flag.Name] = true
				common = append(common, one)
			case one.Verb != "" && (v.All || len(v.Verb) > 0 || from != fromDefault):
				own = append(own, one)
			}
		}
	}
	return append(common, own...)
}

func globalFlag(program *kong.Application, name string) *kong.Flag {
	for _, flag := range program.Flags {
		if flag.Name == name {
			return flag
		}
	}
	return nil
}
