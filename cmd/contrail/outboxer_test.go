package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"
)

// modelOf is the command line as kong knows it.
func modelOf(t *testing.T) *kong.Application {
	t.Helper()
	parser, err := kong.New(new(cli), kong.Name("contrail"), kong.DefaultEnvars("CONTRAIL"))
	require.NoError(t, err)
	return parser.Model
}

// verbOfModel finds the verb that the words begin with, or the one that is meant if it is left out, and returns the words behind it.
func verbOfModel(root *kong.Node, words []string) (verb *kong.Node, rest []string) {
	verb = root
	for len(words) > 0 {
		at := slices.IndexFunc(verb.Children, func(child *kong.Node) bool { return child.Name == words[0] })
		if at < 0 {
			break
		}
		verb, words = verb.Children[at], words[1:]
	}
	if verb.DefaultCmd != nil {
		verb = verb.DefaultCmd
	}
	return verb, words
}

// flagNames are a verb's flags with those of all above it, and the variables that they are read from.
func flagNames(verb *kong.Node) (flags, variables []string) {
	for _, level := range verb.AllFlags(false) {
		for _, flag := range level {
			flags, variables = append(flags, flag.Name), append(variables, flag.Envs...)
		}
	}
	return flags, variables
}

func TestOutboxerFlagsHaveCounterparts(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/outboxer.md")
	require.NoError(t, err)
	root := modelOf(t).Node
	for _, told := range regexp.MustCompile("`contrail ([^`]+)`").FindAllStringSubmatch(string(text), -1) {
		verb, rest := verbOfModel(root, strings.Fields(told[1]))
		require.NotEqual(t, root, verb, "there is no verb contrail %s", told[1])
		require.True(t, verb.Leaf(), "contrail %s does nothing by itself", told[1])
		flags, _ := flagNames(verb)
		for _, flag := range rest {
			name, is := strings.CutPrefix(flag, "--")
			require.True(t, is, "contrail %s: %s is neither a verb nor a flag", told[1], flag)
			require.Contains(t, flags, name, "contrail %s: there is no such flag", told[1])
		}
	}

	// Each flag of its two programs, in the first column of its table.
	sections := strings.Split(string(text), "\n## ")
	for program, flags := range map[string][]string{
		"`bin/outboxer_publisher`": {"environment", "concurrency", "tick-interval", "poll-interval", "heartbeat-interval", "log-level", "version", "help"},
		"`bin/outboxer_load`":      {"environment", "batch-size", "concurrency", "size", "tick-interval", "help"},
	} {
		at := slices.IndexFunc(sections, func(section string) bool { return strings.HasPrefix(section, program) })
		require.Positive(t, at, program)
		for _, flag := range flags {
			require.Regexp(t, "(?m)^\\| `--"+flag+"` \\|[^|]*\\| `contrail ", sections[at], "%s --%s has no counterpart", program, flag)
		}
	}
}
