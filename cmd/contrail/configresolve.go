package main

import (
	"fmt"
	"os"

	"github.com/alecthomas/kong"
)

// BeforeResolve reads the configuration file, once it is known which verb is to run and where the file is. What neither the command line nor the
// environment says is taken from there.
func (c *cli) BeforeResolve(ctx *kong.Context) error {
	verb := ctx.Selected()
	if verb == nil || !configurable(verb) {
		return nil
	}
	file, err := configOf(ctx)
	if err != nil {
		return err
	}
	ctx.AddResolver(file)
	return nil
}

// configurable is true of verbs that do something with a server. Those that explain must not be stopped by a faulty file.
func configurable(verb *kong.Node) bool {
	switch verb.Path() {
	case "help", "man", "completion", "version", "config show", "config example":
		return false
	}
	return true
}

// configOf reads the file that goes with a command line.
func configOf(ctx *kong.Context) (*configFile, error) {
	given := ""
	for _, flag := range ctx.Model.Flags {
		if flag.Name == "config" {
			given, _ = ctx.FlagValue(flag).(string)
		}
	}
	path, err := findConfig(given)
	if err != nil {
		return nil, err
	}
	return readConfig(ctx.Model, path)
}

// Validate has nothing to say: the file was validated when it was read.
func (f *configFile) Validate(*kong.Application) error { return nil }

// Resolve is what the file says of a flag that the environment does not set.
func (f *configFile) Resolve(ctx *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	if environment(flag) != "" {
		return nil, nil //nolint:nilnil // kong's way to say that there is nothing
	}
	if found, given := f.set[place{ctx.Selected(), flag}]; given {
		return found.value, nil
	}
	return nil, nil //nolint:nilnil // likewise
}

// environment is the variable that sets a flag, if one does.
func environment(flag *kong.Flag) string {
	for _, name := range flag.Tag.Envs {
		if os.Getenv(name) != "" {
			return name
		}
	}
	return ""
}

// origin is the value of a flag of a verb, and where it comes from.
func (f *configFile) origin(ctx *kong.Context, verb *kong.Node, flag *kong.Flag) (value, from string) {
	for _, given := range ctx.Path {
		if given.Flag == flag && !given.Resolved {
			return fmt.Sprint(ctx.FlagValue(flag)), "--" + flag.Name
		}
	}
	if name := environment(flag); name != "" {
		return os.Getenv(name), name
	}
	if found, set := f.set[place{verb, flag}]; set {
		return found.text, fmt.Sprintf("%s:%d", f.path, found.line)
	}
	return flag.Default, fromDefault
}

const fromDefault = "default"
