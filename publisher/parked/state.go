package parked

import "slices"

// State is where an event that was left out of its place stands.
type State string

// The states. Nothing but a person takes an event out of [Parked]; [Requeued] and [Held] ones the relay publishes by itself.
const (
	Parked    State = "parked"    // refused, and waiting for a person
	Held      State = "held"      // behind a parked event of its own stream, and waiting for that
	Requeued  State = "requeued"  // asked for: the relay publishes it next
	Published State = "published" // by the relay, out of its order or, where it has no sequence, in its order after all
	Discarded State = "discarded" // a person has decided that it shall not be published
)

// States returns all of them, those that wait for something first.
func States() []State { return []State{Parked, Held, Requeued, Published, Discarded} }

// Valid tells whether s is one of [States].
func (s State) Valid() bool { return slices.Contains(States(), s) }
