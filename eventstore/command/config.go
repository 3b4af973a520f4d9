package command

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"reflect"
	"time"
)

// Defaults of [Config].
const (
	DefaultAttempts = 8
	DefaultRetryMin = 2 * time.Millisecond
	DefaultRetryMax = 250 * time.Millisecond
)

// Config is what may be left out of [New]. The zero value works: eight attempts, no snapshots.
type Config struct {
	// Snapshots tells when a snapshot of the state is taken. The zero value: never, and none is read.
	Snapshots Policy

	// Name of the snapshots, for several states that are folded from one stream. Empty: the name of the state's Go type with its
	// package's path, so that a type that is renamed or moved begins anew.
	Name string

	// StateSchema is the version of what a snapshot holds, 0 or more. Raise it with every change of the state's type, and of what
	// Initial, Decode and Evolve make of the same events. A snapshot of a lower one is replaced by the next command that appends; one of a
	// higher one, which a newer program has taken, only once the policy asks for the next.
	StateSchema int

	// Attempts is how often in all a command is tried when its stream moves under it. 0: [DefaultAttempts]. 1: no second one.
	Attempts int

	// RetryMin and RetryMax bound the pause before another attempt: it doubles from the one to the other, and a random part of it is
	// left out, a half at most. 0: [DefaultRetryMin], [DefaultRetryMax].
	RetryMin, RetryMax time.Duration

	// Logger is told of snapshots that can't be used (warn; debug for those of another schema) or written (warn). Nil: nobody is.
	Logger *slog.Logger
}

// Policy tells when a snapshot is taken. The zero value: never.
type Policy struct{ every int }

// Every takes a snapshot when an append makes the stream n or more events longer than the last snapshot knows it. 0: never.
func Every(n int) Policy { return Policy{every: n} }

func (c Config) withDefaults(state reflect.Type) Config {
	if c.Name == "" {
		c.Name = typeName(state)
	}
	if c.Attempts == 0 {
		c.Attempts = DefaultAttempts
	}
	if c.RetryMin == 0 {
		c.RetryMin = DefaultRetryMin
	}
	if c.RetryMax == 0 {
		c.RetryMax = max(c.RetryMin, DefaultRetryMax)
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// validate reports every fault at once. It looks at a Config with its defaults set.
func (c Config) validate(state reflect.Type) error {
	var faults []error
	fault := func(bad bool, format string, args ...any) {
		if bad {
			faults = append(faults, fmt.Errorf("command.Config: "+format, args...))
		}
	}
	fault(c.Snapshots.every < 0, "Snapshots is Every(%d), must not be negative", c.Snapshots.every)
	fault(c.StateSchema < 0, "StateSchema is %d, must not be negative", c.StateSchema)
	fault(c.Attempts < 0, "Attempts is %d, must not be negative", c.Attempts)
	fault(c.RetryMin < 0 || c.RetryMax < c.RetryMin, "RetryMin is %s and RetryMax %s, must be in this order and not negative", c.RetryMin, c.RetryMax)
	fault(c.RetryMax > math.MaxInt64/2, "RetryMax is %s, which is beyond reason", c.RetryMax)
	if c.Snapshots.every > 0 {
		fault(c.Name == "", "Name is empty, and the state's type %s has no name that is its own: give the snapshots one", state)
		reason := leftOut(state)
		fault(reason != "", "Snapshots: the state's type %s does not survive JSON: %s", state, reason)
	}
	return errors.Join(faults...)
}
