package main

import (
	"fmt"

	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/subscribers"
	"github.com/contrail-events/contrail/subscribers/deadletters"
)

// reasonMeaning is what a reason says.
func reasonMeaning(reason subscribers.Reason) string {
	switch reason {
	case subscribers.ReasonPermanent:
		return "the handler said that no retry will cure it"
	case subscribers.ReasonExhausted:
		return "the last delivery failed, too"
	case subscribers.ReasonUndecodable:
		return "the data does not fit the handler, or can't be decrypted"
	case subscribers.ReasonForeign:
		return "the message is no event of Contrail's"
	case subscribers.ReasonAbandoned:
		return "the process was stopped during the last delivery"
	case subscribers.ReasonCrashed:
		return "nobody answered the last delivery: the processes that had it died, or hung"
	case subscribers.ReasonTerminated:
		return "another client told the broker not to deliver it again"
	case subscribers.ReasonReplay:
		return "a person has it handled again"
	case deadletters.ReasonMalformed:
		return "no subscription has written it; another program has sent it to the stream"
	}
	return "from a subscription of another version"
}

// reasonCure is what to do about a reason before the event is requeued.
func reasonCure(reason subscribers.Reason) string {
	switch reason {
	case subscribers.ReasonUndecodable:
		return "Give the subscription a handler that the data fits, or the keys"
	case subscribers.ReasonForeign:
		return "Find out who has sent it to the events' stream, since no handler can take it"
	case subscribers.ReasonAbandoned:
		return "Nothing is known to be wrong with it"
	case subscribers.ReasonCrashed:
		return "Find out what it does to the process that handles it"
	case subscribers.ReasonTerminated:
		return "Find out who ends deliveries of this consumer"
	case subscribers.ReasonPermanent, subscribers.ReasonExhausted, subscribers.ReasonReplay, deadletters.ReasonMalformed:
	}
	return "Do away with what the error says"
}

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
	return fmt.Sprintf("%s, and have it handled again: %s\nOr decide that it shall never be: %s", reasonCure(s.Reason), requeue, discard)
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
