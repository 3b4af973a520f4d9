package main

import (
	"errors"
	"time"

	"github.com/contrail-events/contrail/eventstore"
)

// wakeFlags say how a verb that waits for events learns of them.
type wakeFlags struct {
	Wake         string        `default:"notify" enum:"notify,poll" help:"How it learns of new events, one of ${enum}. Behind a proxy that pools transactions: poll."`
	SafetyRead   time.Duration `default:"5s" help:"With --wake notify: the longest time between two reads when nothing happens."`
	PollInterval time.Duration `default:"1s" help:"With --wake poll: the time between two reads when nothing happens."`
}

// check refuses what the library would take for left out.
func (f wakeFlags) check() error {
	return errors.Join(
		atLeast("--safety-read", f.SafetyRead, time.Millisecond),
		atLeast("--poll-interval", f.PollInterval, time.Millisecond),
	)
}

func (f wakeFlags) choice() eventstore.Wake {
	if f.Wake == "poll" {
		return eventstore.Poll(f.PollInterval)
	}
	return eventstore.Notify(f.SafetyRead)
}
