package publisher

import (
	"context"
	"encoding/json"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/contrail-events/contrail"
)

// batch is what one Watermill message carries: its payload names the positions, for middlewares and logs, and the events themselves
// travel in its context.
type batch struct {
	number int // 0, 1, 2 … within a session: the order to publish in
	events []contrail.Recorded

	sequence uint64 // of the last event in the stream, set by the sink before the message is acked
}

func (b *batch) last() contrail.Position { return b.events[len(b.events)-1].Position }

type batchKey struct{}

// newMessage wraps a batch. Its context has no end of its own: a batch that was read is published, also while the relay drains.
func newMessage(ctx context.Context, b *batch) (*message.Message, error) {
	payload, err := json.Marshal(struct {
		First  contrail.Position `json:"first"`
		Last   contrail.Position `json:"last"`
		Events int               `json:"events"`
	}{b.events[0].Position, b.last(), len(b.events)})
	if err != nil {
		return nil, err //nolint:wrapcheck // three integers always marshal
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
