package domain

import "github.com/contrail-events/contrail"

// Result is what a command did.
type Result struct {
	ID       string              // the aggregate's
	Version  int64               // of the aggregate right after the command
	Events   []contrail.Recorded // what was appended, in order
	Repeated bool                // all this was done before, by the same command with the same key, and nothing now
}
