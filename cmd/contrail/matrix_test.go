package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"
)

// exercise is one of the ways in which a verb can end that the scripts have to show.
type exercise string

const (
	success exercise = "success"
	empty   exercise = "empty"      // there is nothing to tell of, or to do
	failure exercise = "failure"    // exit 1
	asJSON  exercise = "--json"     // whatever the exit code
	misused exercise = "misuse"     // exit 2
	marker           = "# nothing:" // above a call: there is nothing to tell of, or to do
)

// spared are the exercises that a verb has no use for. Verbs without --json need not show it.
func spared() map[string][]exercise {
	all := map[string][]exercise{}
	for _, name := range []string{ // of one thing, which is there or not, or of what is always there
		"dashboard", "dashboard password", "dead-letters show", "deliveries show", "demo", "doctor", "events append", "events show", "health",
		"invoices show", "keys erase", "load", "man", "migrate roles", "migrate validate", "parked show", "projections pause",
		"projections rebuild", "projections resume", "relay", "relays dump", "runs show", "serve", "status", "subscribe", "subscriptions pause",
		"subscriptions reset", "subscriptions resume", "subscriptions show", "subscriptions undivide", "webhooks add", "webhooks change",
		"webhooks disable", "webhooks enable", "webhooks remove", "webhooks rotate", "webhooks run", "webhooks show", "webhooks test",
	} {
		all[name] = []exercise{empty}
	}
	for _, name := range []string{"completion", "config example", "help", "version"} { // a text
		all[name] = []exercise{empty, failure}
	}
	all["config show"] = []exercise{failure} // a faulty file is misuse
	return all
}

var called = regexp.MustCompile(`^(?:exits ([012])|(!? ?exec)) contrail(?: (.*))?$`)

// Each verb is shown by the scripts to succeed, to fail, to have nothing to do, to speak JSON and to be misused.
func TestEachVerbIsExercised(t *testing.T) {
	t.Parallel()
	parser, err := kong.New(new(cli), kong.Name("contrail"))
	require.NoError(t, err)
	shown := exercises(t, parser.Model)
	var missing []string
	for _, verb := range parser.Model.Leaves(true) {
		for _, one := range []exercise{success, empty, failure, asJSON, misused} {
			if one == asJSON && !hasJSON(verb) || slices.Contains(spared()[nameOf(verb)], one) {
				continue
			}
			if len(shown[nameOf(verb)][one]) == 0 {
				missing = append(missing, fmt.Sprintf("%s: %s", nameOf(verb), one))
			}
		}
	}
	require.Empty(t, missing, "no script in testdata/script has this; a call that has nothing to tell of stands below a line that begins with %q", marker)
	for name := range spared() {
		require.True(t, slices.ContainsFunc(parser.Model.Leaves(true), func(verb *kong.Node) bool { return nameOf(verb) == name }), "%s is no verb", name)
	}
}

func hasJSON(verb *kong.Node) bool {
	return slices.ContainsFunc(verb.Flags, func(flag *kong.Flag) bool { return flag.Name == "json" })
}

// exercises are the scripts that show each verb in each of these ways.
func exercises(t *testing.T, program *kong.Application) map[string]map[exercise][]string {
	t.Helper()
	paths, err := filepath.Glob("testdata/script/*.txtar")
	require.NoError(t, err)
	shown := map[string]map[exercise][]string{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		lines := strings.Split(string(text), "\n")
		for n, line := range lines {
			if rest, starts := strings.CutPrefix(line, "service start"); starts {
				line = "exits 0 contrail serve" + rest
			}
			found := called.FindStringSubmatch(line)
			if found == nil {
				continue
			}
			verb, args := verbIn(program.Node, strings.Fields(found[3]))
			if verb == nil || slices.Contains(args, "--help") || slices.Contains(args, "-h") {
				continue
			}
			kinds := shown[nameOf(verb)]
			if kinds == nil {
				kinds = map[exercise][]string{}
				shown[nameOf(verb)] = kinds
			}
			for _, kind := range kindsOf(found[1], found[2], args, lines, n) {
				kinds[kind] = append(kinds[kind], fmt.Sprintf("%s:%d", filepath.Base(path), n+1))
			}
		}
	}
	return shown
}

// kindsOf says what a call shows.
func kindsOf(code, exec string, args, lines []string, n int) []exercise {
	var kinds []exercise
	switch {
	case code == "2":
		return []exercise{misused}
	case code == "1" || strings.HasPrefix(exec, "!"):
		kinds = append(kinds, failure)
	default:
		kinds = append(kinds, success)
	}
	if slices.Contains(args, "--json") {
		kinds = append(kinds, asJSON)
	}
	told := ""
	if n+1 < len(lines) {
		told = lines[n+1]
	}
	if n > 0 && strings.HasPrefix(lines[n-1], marker) || told == "! stdout ." || regexp.MustCompile(`^stdout '\^?(no |.*nothing to do)`).MatchString(told) {
		kinds = append(kinds, empty)
	}
	return kinds
}

// verbIn is the verb that is called, and what follows its name.
func verbIn(node *kong.Node, args []string) (*kong.Node, []string) {
	for n, arg := range args {
		below := child(node, arg)
		switch {
		case below != nil:
			node = below
		case strings.HasPrefix(arg, "-"): // flags of every verb may stand before it
			continue
		default:
			return runnable(node), args[n:]
		}
		if node.Leaf() {
			return node, args[n+1:]
		}
	}
	return runnable(node), args
}

func runnable(node *kong.Node) *kong.Node {
	switch {
	case node.DefaultCmd != nil:
		return node.DefaultCmd
	case node.Leaf():
		return node
	}
	return nil
}

// The places that are left out of the table of exercises are few, and all of one kind.
func TestSparedExercises(t *testing.T) {
	t.Parallel()
	for _, name := range slices.Sorted(maps.Keys(spared())) {
		require.NotContains(t, spared()[name], success, name)
		require.NotContains(t, spared()[name], misused, name)
		require.NotContains(t, spared()[name], asJSON, name)
	}
}
