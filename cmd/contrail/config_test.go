package main

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"
)

func program(t *testing.T) *kong.Kong {
	t.Helper()
	parser, err := kong.New(new(cli), kong.Name("contrail"), kong.Description(description), kong.DefaultEnvars("CONTRAIL"))
	require.NoError(t, err)
	return parser
}

func written(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// Every setting of the example can be set as it stands there.
func TestConfigExampleIsValid(t *testing.T) {
	t.Parallel()
	parser := program(t)
	var stdout bytes.Buffer
	require.NoError(t, (&configExampleVerb{}).Run(newApp(globals{}, "config example", &stdout, nil), parser))
	bare := regexp.MustCompile(`(?m)^#( *[a-z-]+:)`).ReplaceAllString(stdout.String(), "$1")
	for _, example := range []string{"log-level: auto", "\nrelay:\n", "\n  batch-events: 500\n", "\n  list:\n", "\nnats-url: \"\"\n"} {
		require.Contains(t, bare, example)
	}
	file, err := readConfig(parser.Model, written(t, bare))
	require.NoError(t, err)
	settableFlags := 0
	for _, verb := range parser.Model.Leaves(true) {
		for _, flag := range verbFlags(verb) {
			if settable(flag) {
				settableFlags++
				require.Contains(t, file.set, place{verb, flag}, "%s of %s is missing in the example", flag.Name, verb.Path())
			}
			require.False(t, settable(flag) && flag.IsMap(), "%s: a file has no maps", flag.Name)
		}
	}
	require.Greater(t, settableFlags, 100)
}

func TestConfigFaults(t *testing.T) {
	t.Parallel()
	model := program(t).Model
	for text, want := range map[string]string{
		"databse-url: x":                   ":1: unknown key databse-url (did you mean database-url?)",
		"relay:\n  bach-events: 1":         ":2: unknown key bach-events (did you mean batch-events?)",
		"rely:\n  batch-events: 1":         ":1: there is no verb rely (did you mean relay?)",
		"relay:\n  batch-events: many":     `:2: batch-events: expected a valid 64 bit int but got "many"`,
		"relay:\n  ack-timeout: 5":         ":2: ack-timeout: ",
		"log-level: loud":                  `:1: log-level: it must be one of auto, debug, info, warn, error, but is "loud"`,
		"relay:\n  in-flight: [1, 2]":      ":2: in-flight: it takes one value, and no list",
		"log-level:":                       ":1: log-level: there is no value; give one, or leave the line out",
		"log-level: info\nlog-level: warn": ":2: log-level is there already, in line 1",
		"yes: true":                        ":1: yes is said each time, and can't be set in a file",
		"config: other.yaml":               ":1: config is said each time, and can't be set in a file",
		"relays: 5":                        ":1: relays is a verb; write its settings below it, indented",
		"- a":                              ":1: there is no mapping of names to values here",
		"relay:\n  store: [{a: b}]":        ":2: store: a list may hold values only",
		"frob: 1\nnicate: 2":               ":1: unknown key frob; ",
		"\x1b[2J: 1":                       "control characters are not allowed",
	} {
		_, err := readConfig(model, written(t, text))
		var wrong usageError
		require.ErrorAs(t, err, &wrong, text)
		require.ErrorContains(t, err, want, text)
	}
}

func TestConfigLists(t *testing.T) {
	t.Parallel()
	parser := program(t)
	path := written(t, "database-url: postgres://127.0.0.1/a\nrelay:\n  store: ['A=postgres://a/x', 'B=postgres://b/y']\nevents:\n  type: ['A,B', C]\n")
	parsed, err := parser.Parse([]string{"relay", "--config", path})
	require.NoError(t, err)
	root, _ := reflect.TypeAssert[*cli](parser.Model.Target.Addr())
	require.Equal(t, []string{"A=postgres://a/x", "B=postgres://b/y"}, root.Relay.Store)
	require.Equal(t, "postgres://127.0.0.1/a", root.DatabaseURL)
	require.Equal(t, "relay", parsed.Command())
	_, err = parser.Parse([]string{"events", "list", "--config", path})
	require.NoError(t, err)
	require.Equal(t, []string{"A,B", "C"}, root.Events.List.Type)
}

func TestMasks(t *testing.T) {
	t.Parallel()
	for _, test := range [][3]string{
		{"database-url", "postgres://app:hunter2@db/app", "postgres://app:…@db/app"},
		{"database-url", "postgres://app@db/app", "postgres://app@db/app"},
		{"database-url", "host=db password=hunter2 user=app", "host=db password=… user=app"},
		{"nats-url", "nats://hunter2@a:4222,nats://u:hunter2@b:4222", "nats://…@a:4222,nats://u:…@b:4222"},
		{"database-url", "postgres://app:hunter2@unter2@db/app", "postgres://app:…@db/app"},
		{"nats-url", "nats://hunter2@unter2@a:4222", "nats://…@a:4222"},
		{"nats-url", "u:hunter2@a:4222, hunter2@b,c:4222,nats://u:hunter2@d", "u:…@a:4222, …@b,c:4222,nats://u:…@d"},
		{"nats-url", "nats://a:4222,b:4222", "nats://a:4222,b:4222"},
		{"store", "A=postgres://u:hunter2@db/x B=postgres://u:hunter2@db/y", "A=postgres://u:…@db/x B=postgres://u:…@db/y"},
		{"keys", "old:aGVsbG8=", "…"},
		{"keys", "@/etc/keys", "@/etc/keys"},
		{"token", "hunter2", "…"},
		{"token-file", "/run/token", "/run/token"},
		{"password", "", ""},
	} {
		require.Equal(t, test[2], masked(test[0], test[1]))
		require.Equal(t, test[2] != test[1], isSecret(test[0], test[1]))
	}
}
