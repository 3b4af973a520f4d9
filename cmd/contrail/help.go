package main

import (
	"strings"

	"github.com/alecthomas/kong"
)

// helpVerb prints what there is to read of a verb.
type helpVerb struct {
	Verb []string `arg:"" optional:"" help:"The verb, in one word or two. Default: the program."`
}

// Help teaches.
func (*helpVerb) Help() string {
	return `Prints the same as --help behind the verb. contrail man writes it as man pages.

Examples:

  contrail help
  contrail help events list
  contrail help relay | less`
}

// Run prints.
func (v *helpVerb) Run(a *app, parser *kong.Kong) error {
	node := parser.Model.Node
	for n, name := range v.Verb {
		next := child(node, name)
		if next == nil {
			return noVerb(node, strings.Join(v.Verb[:n+1], " "), name)
		}
		node = next
	}
	a.printManual(manualOf(parser.Model, node))
	return nil
}

// child is the verb of that name below a node.
func child(node *kong.Node, name string) *kong.Node {
	for _, one := range node.Children {
		if one.Name == name && !one.Hidden {
			return one
		}
	}
	return nil
}

// noVerb says that there is no such verb, and which may have been meant.
func noVerb(node *kong.Node, all, name string) error {
	var names []string
	for _, one := range commandsOf(node) {
		names = append(names, one.word)
	}
	return usagef("there is no verb %s%s; see `contrail --help`", printable(all), didYouMean(name, names))
}
