package command

import (
	"strconv"

	"github.com/contrail-events/contrail"
)

// Option changes how one command is handled.
type Option func(*settings)

type settings struct {
	pinned  bool
	version int64
}

// AtVersion lets the command pass only while the aggregate is at this version, the one that who gave it had seen (0: there is none yet).
// Otherwise the error is an [*eventstore.ConflictError], Decide is not asked, and nothing is tried again. It is what an HTTP If-Match needs.
func AtVersion(version int64) Option {
	return func(s *settings) { s.pinned, s.version = true, version }
}

func gather(options []Option) (settings, error) {
	var gathered settings
	for _, option := range options {
		option(&gathered)
	}
	if gathered.version < 0 {
		return gathered, &contrail.InvalidError{
			What: "expected version", Value: strconv.FormatInt(gathered.version, 10), Reason: "is below zero (command.AtVersion)",
		}
	}
	return gathered, nil
}
