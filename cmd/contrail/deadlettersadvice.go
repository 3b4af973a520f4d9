package main

import (
	"fmt"

	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/subscribers/deadletters"
)

// advice is what to do.
func (s shownLetter) advice() string {
	discard := s.command("discard") + " --because '…'"
	switch {
	case s.State == deadletters.Requeued:
		return s.requeuedAdvice()
	case s.State == deadletters.Discarded:
		return "It is not handled, and its payload is gone: there is nothing left to do."
	case s.Malformed():
		return "It can't be requeued. Find out who has sent it, and do away with it: " + discard
	}
	requeue := s.command("requeue")
	if s.Replays >= deadletters.DefaultMaxReplays {
		requeue += fmt.Sprintf(" --max-replays %d", s.Replays+1)
	}
	return fmt.Sprintf("%s, and have it handled again: %s\nOr decide that it shall never be: %s", deadletters.Cure(s.Reason), requeue, discard)
}

func (s shownLetter) requeuedAdvice() string {
	switch s.Progress {
	case deadletters.Waiting:
		return "The consumer gets it as soon as a process of the subscription runs and has room for it."
	case deadletters.InHand:
		return "The consumer has it, or is busy with one that was requeued before it: look again."
	case deadletters.Settled:
		return "The consumer is done with it: it is handled, or a dead letter once more with a number of replays."
	case deadletters.Orphaned:
		return "No subscription " + printable(s.Consumer) + " listens on this stream so far. Start it: it gets the event then."
	}
	return "No consumer gets it."
}

// command is what to type.
func (s shownLetter) command(verb string) string {
	command := fmt.Sprintf("contrail dead-letters %s %d", verb, s.ID)
	if s.In != wire.DefaultDeadLetters {
		command += " --dead-letters " + printable(s.In)
	}
	return command
}
