// Command contrail relays the events of a PostgreSQL event store to NATS JetStream, watches over it, and shows the whole way in a demo.
//
// It is the only place of Contrail that reads the environment, opens pools and connections, and handles signals. One file is one verb.
package main

import (
	"context"
	"os"
	"strings"

	"github.com/alecthomas/kong"
)

func main() { os.Exit(run(os.Args[1:])) }

// run does what the arguments ask for and returns the code to exit with: 0 when it is so, 1 when it is not, 2 for wrong usage.
func run(args []string) int {
	forgetEmpty("CONTRAIL_")
	var root cli
	parser, err := kong.New(&root, kong.Name("contrail"), kong.Description(description), kong.DefaultEnvars("CONTRAIL"),
		kong.Help(printHelp))
	if err != nil {
		return complain(os.Stderr, "", err)
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		return complain(os.Stderr, verbOf(err), misuse(err))
	}
	verb := nameOf(parsed.Selected())
	ctx, stop := signalContext(os.Stderr)
	defer stop()
	a := newApp(root.globals, verb, os.Stdout, os.Stderr)
	parsed.BindTo(ctx, (*context.Context)(nil))
	return complain(os.Stderr, verb, a.told(parsed.Run(a)))
}

// forgetEmpty takes a variable that is set to nothing, as compose files do for what is not configured, for one that is not set.
func forgetEmpty(prefix string) {
	for _, entry := range os.Environ() {
		if name, value, _ := strings.Cut(entry, "="); value == "" && strings.HasPrefix(name, prefix) {
			_ = os.Unsetenv(name) // a name that came from the environment is a valid one
		}
	}
}
