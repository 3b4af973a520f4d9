package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/alecthomas/kong"
)

// manVerb writes man pages.
type manVerb struct {
	Dir  string `arg:"" optional:"" type:"path" placeholder:"DIR" help:"The folder to write the pages to, which is made if it is missing. Default: the program's page to standard output."`
	JSON bool   `name:"json" help:"Print the names of the pages as JSON."`
}

// Help teaches.
func (*manVerb) Help() string {
	return `Writes a page for the program, contrail.1, and one for each verb, as contrail-events-list.1. Pages that are there are replaced.

Examples:

  contrail man | man -l -
  contrail man ~/.local/share/man/man1 && man contrail-relay`
}

// writtenPages is what --json prints.
type writtenPages struct {
	Dir   string   `json:"dir"`
	Pages []string `json:"pages"`
}

// Run writes.
func (v *manVerb) Run(a *app, parser *kong.Kong) error {
	if v.Dir == "" {
		if v.JSON {
			return usagef("--json is given without DIR; give the folder to write to")
		}
		a.printf("%s", roff(parser.Model, parser.Model.Node))
		return nil
	}
	if err := os.MkdirAll(v.Dir, 0o755); err != nil { //nolint:gosec // everybody may read manuals
		return fmt.Errorf("make the folder: %w", err)
	}
	written := writtenPages{Dir: v.Dir}
	for _, node := range pageNodes(parser.Model.Node) {
		name := pageName(manualOf(parser.Model, node).name) + ".1"
		if err := os.WriteFile(filepath.Join(v.Dir, name), []byte(roff(parser.Model, node)), 0o644); err != nil { //nolint:gosec // likewise
			return fmt.Errorf("write a page: %w", err)
		}
		written.Pages = append(written.Pages, name)
	}
	if v.JSON {
		return a.printJSON(written)
	}
	a.printf("%s written to %s\n", plural(len(written.Pages), "page"), v.Dir)
	return nil
}

// pageNodes are the program and all its verbs.
func pageNodes(node *kong.Node) []*kong.Node {
	nodes := []*kong.Node{node}
	for _, one := range node.Children {
		if !one.Hidden {
			nodes = append(nodes, pageNodes(one)...)
		}
	}
	return nodes
}
