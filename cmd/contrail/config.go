package main

// configVerb is about the configuration file.
type configVerb struct {
	Show    configShowVerb    `cmd:"" help:"Tell each setting, its value, and where it comes from."`
	Example configExampleVerb `cmd:"" help:"Print a file with every setting in it, explained."`
}

// Help teaches.
func (*configVerb) Help() string {
	return `What flags say can be written in a file, in YAML: a name and a value a line, each the flag's without its dashes. What is at the top counts
for every verb that takes the flag; what is below the name of a verb counts for that one alone:

  database-url: postgres://app:secret@db/app
  nats-url: nats://nats:4222
  relay:
    batch-events: 1000
  events:
    list:
      limit: 100

The file is the one that --config or CONTRAIL_CONFIG names, or else the first that is there of $XDG_CONFIG_HOME/contrail/config.yaml
(where that is not set, ~/.config/contrail/config.yaml) and /etc/contrail/config.yaml. Flags count before the environment, the environment
before the file, and the file before the defaults. What confirms something, and what is said of one call alone, can't be set. A key that
no verb knows is an error. So is a secret in a file that everybody on the machine can read.

Examples:

  contrail config example > ~/.config/contrail/config.yaml
  contrail config show relay`
}
