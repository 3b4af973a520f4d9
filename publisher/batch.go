package publisher

import (
	"context"
	"encoding/json"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/contrail-events/contrail"
)

// batch is what one Watermill message carries: its payload names the positions, for middlewares and logs, and the events themselves
// travel in its context.
type batch struct {
	number  int // 0, 1, 2 … within a session: the order to publish in; of one without events, 0, as it is not published
	events  []contrail.Recorded
	through contrail.Position // where the cursor is once they are published
	resent  []string          // what each is marked as, for events that are published out of their order; nil for all others

	sent         bool      // set by the sink before the message is acked
	acknowledged time.Time // when that was

	done      int      // how many of the events are published for certain, where that is known one by one
	sequence  uint64   // of the last event in the stream, likewise; 0 where the destination has no sequences
	sequences []uint64 // of each event that is marked, likewise
}

type batchKey struct{}

// newMessage wraps a batch. Its context has no end of its own: a batch that was read is published, also while the relay drains.
func newMessage(ctx context.Context, b *batch) (*message.Message, error) {
	summary := struct {
		First  contrail.Position `json:"first"`
		Last   contrail.Position `json:"last"`
		Events int               `json:"events"`
		Resent bool              `json:"resent,omitempty"`
	}{Events: len(b.events), Resent: b.resent != nil}
	if len(b.events) > 0 {
		summary.First, summary.Last = b.events[0].Position, b.events[len(b.events)-1].Position
	}
	payload, err := json.Marshal(summary)
	if err != nil {
		return nil, err //nolint:wrapcheck // integers and a boolean always marshal
	}
	msg := message.NewMessage(watermill.NewUUID(), payload)
	msg.SetContext(context.WithValue(context.WithoutCancel(ctx), batchKey{}, b))
	return msg, nil
}

// batchOf returns the batch that a message carries, nil for any other message.
func batchOf(msg *message.Message) *batch {
	b, _ := msg.Context().Value(batchKey{}).(*batch)
	return b
}

// Events returns the events that a message of the relay's forwarder carries, for middlewares: not to be changed, and nil for any other message.
func Events(msg *message.Message) []contrail.Recorded {
	if b := batchOf(msg); b != nil {
		return b.events
	}
	return nil
}
