package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"
)

// configFile is what a configuration file says, by verb and flag.
type configFile struct {
	path string
	set  map[place]setting

	faults []string
	secret string // the first key whose value is one, and its line
}

// place is where a setting has an effect: a flag, and a verb that takes it.
type place struct {
	verb *kong.Node
	flag *kong.Flag
}

// setting is a value in a file.
type setting struct {
	value any // a string, or a list of them as []any
	text  string
	line  int
	top   bool // said of every verb
}

// configPlaces are where the file is looked for; the first that is there counts.
func configPlaces() []gloss {
	return []gloss{
		{"$XDG_CONFIG_HOME/contrail/config.yaml", "the configuration file of a person, unless --config names one"},
		{"~/.config/contrail/config.yaml", "likewise, where XDG_CONFIG_HOME is not set"},
		{"/etc/contrail/config.yaml", "the configuration file of the machine, where a person has none"},
	}
}

// findConfig is the path of the file: the one that is given, or the first that is there, or none.
func findConfig(given string) (string, error) {
	if given != "" {
		return given, nil
	}
	home := os.Getenv("XDG_CONFIG_HOME")
	if person, err := os.UserHomeDir(); !filepath.IsAbs(home) && err == nil {
		home = filepath.Join(person, ".config")
	}
	for _, folder := range []string{home, "/etc"} {
		if !filepath.IsAbs(folder) { // there is no home
			continue
		}
		path := filepath.Join(folder, "contrail", "config.yaml")
		switch _, err := os.Stat(path); { //nolint:gosec // it is the user's own
		case err == nil:
			return path, nil
		case !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR): // a home may be /dev/null
			return "", usagef("look for the configuration file: %v; give another with --config", err)
		}
	}
	return "", nil
}

// readConfig reads a file, and says of all its faults at once where they are. Without a path there is nothing to read.
func readConfig(program *kong.Application, path string) (*configFile, error) {
	file := &configFile{path: path, set: map[place]setting{}}
	if path == "" {
		return file, nil
	}
	text, err := os.ReadFile(path) //nolint:gosec // it is the user's to name
	if err != nil {
		return nil, usagef("read the configuration file: %v", err)
	}
	var root yaml.Node
	if err := yaml.Unmarshal(text, &root); err != nil {
		return nil, usagef("%s: %s", path, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if len(root.Content) > 0 {
		file.section(program.Node, root.Content[0])
	}
	file.guard()
	if len(file.faults) > 0 {
		return nil, usageError{strings.Join(file.faults, "; ")}
	}
	return file, nil
}

func (f *configFile) fault(line int, format string, args ...any) {
	f.faults = append(f.faults, fmt.Sprintf("%s:%d: %s", f.path, line, fmt.Sprintf(format, args...)))
}

// section reads what is said for a verb and those below it; what is said further below counts there instead.
func (f *configFile) section(verb *kong.Node, found *yaml.Node) {
	if found.Kind != yaml.MappingNode {
		if found.Tag != "!!null" {
			f.fault(found.Line, "there is no mapping of names to values here")
		}
		return
	}
	seen := map[string]int{}
	for n := 0; n < len(found.Content); n += 2 {
		key, value := found.Content[n], resolved(found.Content[n+1])
		if line, twice := seen[key.Value]; twice {
			f.fault(key.Line, "%s is there already, in line %d", key.Value, line)
		}
		seen[key.Value] = key.Line
		if value.Kind != yaml.MappingNode {
			f.read(verb, key, value)
		}
	}
	for n := 0; n < len(found.Content); n += 2 {
		key, value := found.Content[n], resolved(found.Content[n+1])
		if value.Kind != yaml.MappingNode {
			continue
		}
		if below := child(verb, key.Value); below != nil {
			f.section(below, value)
		} else {
			f.fault(key.Line, "there is no verb %s%s", key.Value, didYouMean(key.Value, words(commandsOf(verb))))
		}
	}
}

// resolved is what an alias stands for.
func resolved(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.AliasNode {
		return node.Alias
	}
	return node
}

// read reads a setting of all verbs at and below one that take the flag.
func (f *configFile) read(verb *kong.Node, key, value *yaml.Node) {
	known, said, faulty := map[string]bool{}, false, ""
	for _, leaf := range leavesOf(verb) {
		for _, flag := range verbFlags(leaf) {
			switch {
			case flag.Name != key.Value && settable(flag):
				known[flag.Name] = true
			case flag.Name == key.Value && !settable(flag):
				said = true
			case flag.Name == key.Value:
				known[flag.Name] = true
				one, fault := settingOf(flag, value)
				if fault != "" {
					faulty = fault
					continue
				}
				one.top = verb.Parent == nil
				f.set[place{leaf, flag}] = one
				if f.secret == "" && isSecret(flag.Name, one.text) {
					f.secret = fmt.Sprintf("%s in line %d", key.Value, key.Line)
				}
			}
		}
	}
	switch {
	case faulty != "":
		f.fault(value.Line, "%s: %s", key.Value, faulty)
	case known[key.Value]:
	case said:
		f.fault(key.Line, "%s is said each time, and can't be set in a file", key.Value)
	case child(verb, key.Value) != nil:
		f.fault(key.Line, "%s is a verb; write its settings below it, indented", key.Value)
	default:
		names := append(words(commandsOf(verb)), sortedKeys(known)...)
		f.fault(key.Line, "unknown key %s%s", printable(key.Value), didYouMean(key.Value, names))
	}
}

// leavesOf are the verbs that can be run, of those at and below one.
func leavesOf(verb *kong.Node) []*kong.Node {
	if verb.Leaf() {
		return []*kong.Node{verb}
	}
	return verb.Leaves(true)
}

func sortedKeys(of map[string]bool) []string {
	var keys []string
	for key := range of {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// verbFlags are all flags that a verb takes.
func verbFlags(verb *kong.Node) []*kong.Flag {
	var all []*kong.Flag
	for owner := verb; owner != nil; owner = owner.Parent {
		all = append(all, owner.Flags...)
	}
	return all
}

// settable is whether a flag may be set in a file: those may that can come from the environment, but for the name of the file itself.
func settable(flag *kong.Flag) bool { return len(flag.Tag.Envs) > 0 && flag.Name != "config" }

// guard refuses a secret that everybody on the machine can read.
func (f *configFile) guard() {
	if f.secret == "" || runtime.GOOS == "windows" {
		return
	}
	if info, err := os.Stat(f.path); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o004 != 0 {
		f.faults = append(f.faults, fmt.Sprintf("%s can be read by everybody, and %s is a secret; run chmod o-r %s", f.path, f.secret, quote(f.path)))
	}
}
