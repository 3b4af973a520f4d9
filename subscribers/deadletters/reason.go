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
