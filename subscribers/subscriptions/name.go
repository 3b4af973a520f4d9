package subscriptions

import (
	"errors"
	"fmt"
	"strings"

	"github.com/contrail-events/contrail/internal/wire"
)

// Name is which subscription is meant, in the words of its subscribers.Config. Only Durable is required.
type Name struct {
	Durable     string // the consumer
	Stream      string // the JetStream stream of the events; empty means EVENTS
	DeadLetters string // the JetStream stream of its dead letters; empty means DEADLETTERS
}

// String is Durable, and the stream where that does not go without saying.
func (n Name) String() string {
	if n.Stream == "" || n.Stream == wire.DefaultStream {
		return n.Durable
	}
	return n.Stream + "/" + n.Durable
}

// inbox is the consumer's name in contrail.inbox.
func (n Name) inbox() string { return n.String() }

func (n Name) orDefaults() Name {
	if n.Stream == "" {
		n.Stream = wire.DefaultStream
	}
	if n.DeadLetters == "" {
		n.DeadLetters = wire.DefaultDeadLetters
	}
	return n
}

// validate names every faulty field at once. It expects the defaults to be filled in.
func (n Name) validate() error {
	var faults []error
	for field, name := range map[string]string{"Durable": n.Durable, "Stream": n.Stream, "DeadLetters": n.DeadLetters} {
		switch {
		case name == "":
			faults = append(faults, fmt.Errorf("subscriptions.Name: %s is required", field))
		case strings.ContainsAny(name, " \t\r\n\f.*>/\\"):
			faults = append(faults, fmt.Errorf(`subscriptions.Name: %s: %q must not contain white space, '.', '*', '>', '/' or '\'`, field, name))
		}
	}
	return errors.Join(faults...)
}
