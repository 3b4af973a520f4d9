package dashboard_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/subscribers"
)

// letterSource is the CloudEvents source of the events in these letters.
const letterSource = "/contrail/test/01920000-0000-7000-8000-000000000001"

// morning is when the letters of these tests failed, the first a minute past eight.
func morning() time.Time { return time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC) }

// recordedAt is the event at a position: of an invoice of its own, and of one of three tenants.
func recordedAt(position int64) contrail.Recorded {
	return contrail.Recorded{
		Position: contrail.Position(position), ID: uuid.New(), Stream: contrail.NewStreamID("invoice", strconv.FormatInt(position, 10)), Version: 1,
		Type: "InvoiceIssued", Data: json.RawMessage(`{"n":1}`), Metadata: contrail.Metadata{contrail.KeyTenantID: fmt.Sprintf("t-%d", (position+2)%3)},
		RecordedAt: morning(),
	}
}

// letterOf is what a subscription writes that could not handle an event.
func letterOf(event contrail.Recorded, consumer string) subscribers.DeadLetter {
	text := fmt.Sprintf("add to the total: division by zero in number %d", event.Position)
	return subscribers.DeadLetter{
		Consumer: consumer, Reason: subscribers.ReasonExhausted, Error: text, Deliveries: 8, ErrorChain: []string{text, "division by zero"},
		PublishedAt: morning(), FailedAt: morning().Add(time.Duration(event.Position) * time.Minute),
		Stream: "EVENTS", Subject: wire.Subject("events", event), Sequence: uint64(event.Position), MsgID: event.ID.String(),
		Header: nats.Header{wire.HeaderContentType: {wire.ContentType}}, Data: wire.Append(nil, letterSource, event),
	}
}

// letterMessage is the letter as it stands in its stream.
func letterMessage(letter subscribers.DeadLetter, event contrail.Recorded) *nats.Msg {
	msg := nats.NewMsg(fmt.Sprintf("deadletters.events.%s.%s.%s", letter.Consumer, event.Stream.Category(), event.Type))
	maps.Copy(msg.Header, letter.Header)
	chain, err := json.Marshal(letter.ErrorChain)
	if err != nil {
		panic(err)
	}
	for name, value := range map[string]string{
		subscribers.HeaderConsumer: letter.Consumer, subscribers.HeaderReason: string(letter.Reason), subscribers.HeaderError: letter.Error,
		subscribers.HeaderErrorChain: string(chain), subscribers.HeaderDeliveries: strconv.Itoa(letter.Deliveries),
		subscribers.HeaderPublishedAt: letter.PublishedAt.Format(time.RFC3339Nano), subscribers.HeaderFailedAt: letter.FailedAt.Format(time.RFC3339Nano),
		subscribers.HeaderStream: letter.Stream, subscribers.HeaderSubject: letter.Subject,
		subscribers.HeaderSequence: strconv.FormatUint(letter.Sequence, 10), subscribers.HeaderMsgID: letter.MsgID,
		subscribers.HeaderReplays: strconv.Itoa(letter.Replays),
	} {
		msg.Header.Set(name, value)
	}
	msg.Data = letter.Data
	return msg
}
