package deadletters

import "github.com/contrail-events/contrail/subscribers"

// ReasonMalformed is that of a message which is no dead letter of a subscription's: another program has sent it to the stream.
const ReasonMalformed subscribers.Reason = "malformed"

// Reasons returns all that a letter may have.
func Reasons() []subscribers.Reason {
	return []subscribers.Reason{
		subscribers.ReasonPermanent, subscribers.ReasonExhausted, subscribers.ReasonUndecodable, subscribers.ReasonForeign,
		subscribers.ReasonAbandoned, subscribers.ReasonCrashed, subscribers.ReasonTerminated, subscribers.ReasonReplay, ReasonMalformed,
	}
}

// Meaning is what a reason says, for people.
func Meaning(reason subscribers.Reason) string {
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
	case ReasonMalformed:
		return "no subscription has written it; another program has sent it to the stream"
	}
	return "from a subscription of another version"
}

// Cure is what to do about a reason before the letter is requeued.
func Cure(reason subscribers.Reason) string {
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
	case subscribers.ReasonPermanent, subscribers.ReasonExhausted, subscribers.ReasonReplay, ReasonMalformed:
	}
	return "Do away with what the error says"
}
