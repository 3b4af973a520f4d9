package subscribers

import (
	"fmt"
	"strings"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/wire"
)

// Unmarshaler makes Watermill messages of events in the subscribers of watermill-nats/v2/pkg/nats, for a service that has these and wants to keep
// them:
//
//	nats.NewSubscriber(nats.SubscriberConfig{
//		Unmarshaler: subscribers.Unmarshaler{}, QueueGroupPrefix: "mailer",
//		JetStream: nats.JetStreamConfig{DurablePrefix: "mailer", SubscribeOptions: []nats.SubOpt{
//			nats.BindStream("EVENTS"), nats.DeliverAll(), nats.AckExplicit(), nats.ManualAck(), nats.MaxDeliver(8),
//		}},
//	}, logger)
//
// ManualAck matters: without it the client library acknowledges whatever that subscriber leaves unanswered, be it that a handler took too long or
// that the subscriber was closed. A topic there is a NATS subject, such as "events.invoice.>".
//
// A message is what a [Subscriber] would make of the event, whichever of the two formats the relay publishes in. The trace context is among its
// metadata, as traceparent. Two things are not done: encrypted data stays so, with [contrail.KeySealedWith] in the metadata, and events of former
// schemas are not upcast. And the rest is the stock subscriber's: one event at a time, no signs of life while a handler works, no dead letters.
// The zero value works, also for several goroutines.
type Unmarshaler struct {
	// Strict makes an error of a message that is not an event of Contrail's. Mind what the stock subscriber does then: it logs the error and
	// leaves the message unanswered, where no middleware ever sees it. With ManualAck the broker delivers it again, for ever if the consumer has
	// no MaxDeliver; without, it is acknowledged and lost. False: such a message comes with its payload and headers as they are, and the reason
	// under [KeyForeign] in its metadata; see [RefuseForeign].
	Strict bool
}

// Unmarshal makes a message of an event. The error, which only Strict brings about, says what is wrong with the message.
func (u Unmarshaler) Unmarshal(msg *nats.Msg) (*message.Message, error) {
	event, err := wire.DecodeMessage(msg.Header, msg.Data)
	switch {
	case err == nil:
		return watermillMessage(event.Recorded), nil
	case u.Strict:
		return nil, fmt.Errorf("subject %s: %w", msg.Subject, err)
	}
	return foreignMessage(msg.Header, msg.Data, err), nil
}

// JetStreamUnmarshaler is [Unmarshaler] for the subscribers of watermill-nats/v2/pkg/jetstream. These would crash on an error, so it has none: a
// message that is not an event of Contrail's always comes with [KeyForeign]. The zero value works.
type JetStreamUnmarshaler struct{}

// Unmarshal makes a message of an event. The error is nil.
func (JetStreamUnmarshaler) Unmarshal(msg jetstream.Msg) (*message.Message, error) {
	return Unmarshaler{}.Unmarshal(&nats.Msg{Subject: msg.Subject(), Header: msg.Headers(), Data: msg.Data()})
}

// foreignMessage shows a message that is not an event. The headers that steer the broker are no part of it, so that it can be published elsewhere.
func foreignMessage(header nats.Header, data []byte, reason error) *message.Message {
	msg := message.NewMessage(header.Get(nats.MsgIdHdr), data)
	for name, values := range header {
		if len(values) > 0 && !strings.HasPrefix(strings.ToLower(name), "nats-") {
			msg.Metadata.Set(name, values[0])
		}
	}
	msg.Metadata.Set(KeyForeign, reason.Error())
	return msg
}

// RefuseForeign is a middleware that keeps messages from a handler that are not events of Contrail's ([KeyForeign]). The error that it returns
// instead is [contrail.Permanent]; Watermill's PoisonQueue, added before it, puts them aside.
func RefuseForeign(handle message.HandlerFunc) message.HandlerFunc {
	return func(msg *message.Message) ([]*message.Message, error) {
		if reason, foreign := msg.Metadata[KeyForeign]; foreign {
			return nil, contrail.Permanent(fmt.Errorf("message %q: %s", msg.UUID, reason))
		}
		return handle(msg)
	}
}
