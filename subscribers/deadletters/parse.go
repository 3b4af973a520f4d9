package deadletters

import (
	"fmt"
	"maps"

	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/subscribers"
)

// parse makes a letter of any message of the stream; how far a consumer is with it remains to be found out.
func parse(stream string, m message) Letter {
	at := placeOf(subscribers.DeadLetterPrefix(stream), m.subject)
	letter := Letter{
		In: stream, ID: m.sequence, State: at.state, StoredAt: m.storedAt, Decision: decisionOf(at.state, m.header), kind: at.kind,
		raw: m.header,
	}
	var err error
	letter.DeadLetter, err = subscribers.ParseDeadLetter(m.header, m.data)
	if err == nil && !isToken(letter.Consumer) { // no consumer, and it must not become a subject
		err = fmt.Errorf("%w: header %s is %q, which is no consumer's name", subscribers.ErrNotDeadLetter, subscribers.HeaderConsumer, letter.Consumer)
	}
	if err != nil {
		letter.DeadLetter = subscribers.DeadLetter{
			Consumer: at.consumer, Reason: ReasonMalformed, Error: err.Error(), Header: maps.Clone(m.header), Data: m.data,
		}
		return letter
	}
	if decoded, err := wire.DecodeMessage(letter.Header, letter.Data); err == nil {
		letter.Event = &decoded.Recorded
	}
	return letter
}
