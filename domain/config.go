package domain

import (
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// DefaultAttempts is how often a command is tried when others keep changing its aggregate.
const DefaultAttempts = 8

// Clock tells the time, as time.Now does.
type Clock func() time.Time

// Config is what may be left out. The zero value works.
type Config struct {
	// NewID makes the id of a new aggregate: a UUID in its canonical form of 36 characters. Nil: UUIDv7.
	NewID func() string

	// Attempts is how often in all a command is tried when its aggregate was changed in between, with a random pause of up to 64
	// milliseconds after each. 0: DefaultAttempts. 1: no second one.
	Attempts int
}

func (c Config) withDefaults() Config {
	if c.NewID == nil {
		c.NewID = func() string { return uuid.Must(uuid.NewV7()).String() }
	}
	if c.Attempts == 0 {
		c.Attempts = DefaultAttempts
	}
	return c
}

// validate reports every fault at once.
func (c Config) validate(transactor Transactor, clock Clock) error {
	var faults []error
	if transactor == nil {
		faults = append(faults, errors.New("transactor is nil: pass the one that runs a transaction of your store"))
	}
	if clock == nil {
		faults = append(faults, errors.New("clock is nil: pass time.Now"))
	}
	if c.Attempts < 0 {
		faults = append(faults, fmt.Errorf("Config.Attempts is %d: give 1 or more, or 0 for %d", c.Attempts, DefaultAttempts))
	}
	return errors.Join(faults...)
}
