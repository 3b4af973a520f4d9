package command

import (
	"errors"
	"fmt"

	"github.com/contrail-events/contrail"
)

// Decider is an aggregate as pure functions: S is its state, C its commands, E its events. The functions do no I/O, read no clock, leave
// their arguments as they are, and may be called by several goroutines and more than once for one command.
type Decider[S, C any, E contrail.Payload] struct {
	// Category of the aggregate's streams: invoice, for the stream invoice-42.
	Category string

	// Initial is the state before the first event. Nil: the zero value.
	Initial func() S

	// Decide returns what happens when the command meets the state: no event when nothing does, an error when the command is refused.
	Decide func(S, C) ([]E, error)

	// Evolve returns the state after an event. What has happened can't be refused.
	Evolve func(S, E) S

	// Decode returns what a recorded event says in today's terms: usually one event, several when it was split since, none when it
	// has no meaning any more. An erased event comes as it is, with Erased set and null as data; a sealed one, which the store has no
	// key for, with Sealed set. An error ends the command.
	Decode func(contrail.Recorded) ([]E, error)

	// Encode makes the event to append. Nil: contrail.NewEvent.
	Encode func(E) (contrail.Event, error)
}

// One makes a Decode of a function that turns each recorded event into exactly one.
func One[E any](decode func(contrail.Recorded) (E, error)) func(contrail.Recorded) ([]E, error) {
	return func(recorded contrail.Recorded) ([]E, error) {
		event, err := decode(recorded)
		if err != nil {
			return nil, err
		}
		return []E{event}, nil
	}
}

func (d Decider[S, C, E]) withDefaults() Decider[S, C, E] {
	if d.Initial == nil {
		d.Initial = func() (zero S) { return zero }
	}
	if d.Encode == nil {
		d.Encode = func(event E) (contrail.Event, error) { return contrail.NewEvent(event), nil }
	}
	return d
}

// validate reports every fault at once.
func (d Decider[S, C, E]) validate() error {
	var faults []error
	if err := contrail.NewStreamID(d.Category, "1").Validate(); err != nil {
		faults = append(faults, fmt.Errorf("command.Decider: Category is %q: %w", d.Category, err))
	}
	for _, function := range []struct {
		name  string
		isNil bool
	}{{"Decide", d.Decide == nil}, {"Evolve", d.Evolve == nil}, {"Decode", d.Decode == nil}} {
		if function.isNil {
			faults = append(faults, fmt.Errorf("command.Decider: %s is nil", function.name))
		}
	}
	return errors.Join(faults...)
}

// decide returns the events that a command leads to, ready to be appended.
func (d Decider[S, C, E]) decide(stream contrail.StreamID, state S, command C) ([]contrail.Event, error) {
	decided, err := d.Decide(state, command)
	if err != nil {
		return nil, &deciderError{fmt.Errorf("decide %s: %w", stream, err)}
	}
	events := make([]contrail.Event, len(decided))
	for i, event := range decided {
		if events[i], err = d.Encode(event); err != nil {
			return nil, &deciderError{fmt.Errorf("encode event %d for %s: %w", i+1, stream, err)}
		}
	}
	return events, nil
}

// deciderError is an error of one of the decider's own functions. Whatever it wraps, even a conflict of its own, the same functions would
// return it again.
type deciderError struct{ error }

func (e *deciderError) Unwrap() error { return e.error }
