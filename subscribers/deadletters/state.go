package deadletters

import "slices"

// State is where a letter stands.
type State string

// The states.
const (
	Dead      State = "dead"      // it failed, and waits for a person
	Requeued  State = "requeued"  // a copy of a dead letter, or an event to be replayed: its consumer has it handled again
	Discarded State = "discarded" // a person has decided that it shall not be handled; its payload is deleted
)

// States returns all of them.
func States() []State { return []State{Dead, Requeued, Discarded} }

// Valid tells whether s is one of [States].
func (s State) Valid() bool { return slices.Contains(States(), s) }

// Progress is how far the consumer is with a letter that is requeued.
type Progress string

// How far it is.
const (
	Waiting  Progress = "waiting"  // not sent to the consumer yet
	InHand   Progress = "in_hand"  // sent to it; this one, or one that was requeued before it, is not settled yet
	Settled  Progress = "settled"  // handled, or a dead letter once more
	Orphaned Progress = "orphaned" // no subscription of that name has listened yet; it is sent as soon as one does
)
