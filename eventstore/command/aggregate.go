package command

import (
	"fmt"

	"github.com/google/uuid"

	"github.com/contrail-events/contrail"
)

// aggregate is a state, and what a snapshot of it has to know.
type aggregate[S any] struct {
	state   S
	version int64     // of the last event in state; 0 before the first one
	last    uuid.UUID // that event
	keys    keySet    // that the encrypted events in state were encrypted with
	sealed  bool      // an event in state was ciphertext: what Decode made of it is no state to keep
	kept    keptSnapshot
}

// keptSnapshot tells what a load found in the table.
type keptSnapshot struct {
	version  int64 // that the policy counts from: the snapshot's; 0 for none, and for one to be replaced at once
	unusable int64 // version of a snapshot that may be replaced by an older one, since it can't be used; 0 for none
}

// apply folds a recorded event into the aggregate.
func (d Decider[S, C, E]) apply(current *aggregate[S], recorded contrail.Recorded) error {
	events, err := d.Decode(recorded)
	if err != nil {
		return &deciderError{fmt.Errorf("decode %s at version %d of %s: %w", recorded.Type, recorded.Version, recorded.Stream, err)}
	}
	for _, event := range events {
		current.state = d.Evolve(current.state, event)
	}
	current.version, current.last = recorded.Version, recorded.ID
	current.sealed = current.sealed || recorded.Sealed
	if key := recorded.Metadata[contrail.KeySealedWith]; key != "" && !recorded.Erased { // an erased one has told the state nothing
		current.keys = current.keys.with(key)
	}
	return nil
}
