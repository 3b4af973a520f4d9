package main

import "strings"

// brokerFlags are those of the verbs that talk to NATS.
type brokerFlags struct {
	NATSURL string `name:"nats-url" env:"NATS_URL" placeholder:"URL" help:"NATS with JetStream, as in nats://host:4222; several servers of a cluster are separated by commas."`
	Stream  string `default:"EVENTS" help:"The JetStream stream."`
	Prefix  string `default:"events" help:"The first part of its subjects, <prefix>.<category>.<id>.<type>."`
}

// check refuses what can't be, in words of the command line.
func (f brokerFlags) checkBroker() error {
	if f.NATSURL == "" {
		return usagef("no NATS server is given; set NATS_URL, or give --nats-url nats://host:4222")
	}
	if f.Prefix == "" {
		return usagef("--prefix is empty; give the first part of the stream's subjects, or leave it out")
	}
	return checkStream(f.Stream)
}

// checkStream refuses what can't be the name of a JetStream stream.
func checkStream(name string) error {
	if name == "" || strings.ContainsAny(name, " .*>/\\\t\r\n") {
		return usagef("%q is no name of a JetStream stream, such as EVENTS", name)
	}
	return nil
}

// onStream is what a command that is recommended needs, to be about the stream.
func onStream(name string) string {
	if name == "EVENTS" {
		return ""
	}
	return " --stream " + printable(name)
}
