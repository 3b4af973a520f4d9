package main

import (
	"fmt"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/publisher/parked"
)

// advice is what to do.
func (s *parkedShown) advice() string {
	switch s.State {
	case parked.Parked:
		return fmt.Sprintf("%s, and have it published: %s\nOr decide that it shall never be: %s --because '…'",
			s.Reason.Cure(), s.command("requeue", s.Position), s.command("discard", s.Position))
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
