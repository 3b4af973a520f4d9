package main

import "github.com/alecthomas/kong"

// completionVerb prints a script that has a shell complete what is typed.
type completionVerb struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"One of ${enum}."`
}

// Help teaches.
func (*completionVerb) Help() string {
	return `Prints a script that completes verbs, flags, values of which there are few, and names of files. All that it knows stands in the script:
completing asks no server, and does not even run contrail. Print it anew after an upgrade.

Examples:

  source <(contrail completion bash)
  contrail completion bash > ~/.local/share/bash-completion/completions/contrail
  contrail completion zsh > "${fpath[1]}/_contrail"
  contrail completion fish > ~/.config/fish/completions/contrail.fish`
}

// Run prints.
func (v *completionVerb) Run(a *app, parser *kong.Kong) error {
	places := completionPlaces(parser.Model)
	script := map[string]func([]completionPlace) string{"bash": bashCompletion, "zsh": zshCompletion, "fish": fishCompletion}[v.Shell]
	a.printf("%s", script(places))
	return a.unwritten
}
