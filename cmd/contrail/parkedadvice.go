package main

import (
	"fmt"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/publisher/parked"
)

// meaning is what a reason says.
func meaning(reason parked.Reason) string {
	switch reason {
	case parked.ReasonMessageTooLarge:
		return "larger than the server's max_payload or the stream's max_msg_size"
	case parked.ReasonInvalidSubject:
		return "its names or its metadata make no legal subject"
	case parked.ReasonRefused:
		return "the broker does not take it"
	case parked.ReasonHeld:
		return "an event before it in its own stream was parked"
	case parked.ReasonMissing:
		return "it was gone from the stream"
	case parked.ReasonLost:
		return "it was lost on its way to a stream that others write to as well"
	}
	return "left out by a relay of another version"
}

// cure is what to do about a reason before the event is requeued.
func cure(reason parked.Reason) string {
	switch reason {
	case parked.ReasonMessageTooLarge:
		return "Raise the limit that the error names"
	case parked.ReasonInvalidSubject:
		return "Give the relay a subject that the event fits into"
	case parked.ReasonRefused, parked.ReasonHeld, parked.ReasonMissing, parked.ReasonLost:
	}
	return "Do away with what the error names"
}

// advice is what to do.
func (s *parkedShown) advice() string {
	switch s.State {
	case parked.Parked:
		return fmt.Sprintf("%s, and have it published: %s\nOr decide that it shall never be: %s --because '…'",
			cure(s.Reason), s.command("requeue", s.Position), s.command("discard", s.Position))
	case parked.Held:
		if s.Behind == 0 {
			return "Nothing holds it any more: the relay publishes it by itself."
		}
		return "Requeue or discard what it is held behind: " + s.command("show", s.Behind)
	case parked.Requeued:
		return fmt.Sprintf("The relay publishes it next. As long as it has not, that can be taken back: %s --undo", s.command("requeue", s.Position))
	case parked.Published:
		return "It is published: there is nothing left to do."
	case parked.Discarded:
		return "It is not published. If it shall be after all: " + s.command("requeue", s.Position)
	}
	return "It is in a state of another version's."
}

// command is what to type.
func (s *parkedShown) command(verb string, position contrail.Position) string {
	return fmt.Sprintf("contrail parked %s %d", verb, position) + onStream(s.Relay)
}
