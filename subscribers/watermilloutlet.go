package subscribers

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/contrail-events/contrail"
)

// outlet is where the handler of a subscription hands its events over to whoever reads the channel.
type outlet struct {
	topic      topic
	maxDeliver int
	closing    <-chan struct{} // no more are handed over, if they can be given back
	messages   chan *message.Message

	mu     sync.RWMutex // held for reading while a message is offered
	closed bool
}

func newOutlet(ctx context.Context, from topic, maxDeliver int) *outlet {
	return &outlet{topic: from, maxDeliver: maxDeliver, closing: ctx.Done(), messages: make(chan *message.Message)}
}

// register makes the outlet the handler of all events, in a transaction if there is an inbox.
func (o *outlet) register(sub *Subscription) {
	in := inNone
	if sub.config.Inbox != nil {
		in = sub.config.Inbox.handlers
	}
	registerAny(sub, false, in, func(e contrail.Delivered[json.RawMessage]) call {
		return func(ctx context.Context, tx transaction) error { return o.deliver(ctx, tx, e) }
	})
}

// close closes the channel. A handler that was given up long ago may still come and offer.
func (o *outlet) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	close(o.messages)
}

var (
	errNotTaken = errors.New("the Watermill subscriber was closed before anybody took the message")
	errNacked   = errors.New("the Watermill message was nacked; add the middleware subscribers.Verdict to learn why")
)

// deliver hands an event over and returns the verdict on it.
func (o *outlet) deliver(ctx context.Context, tx transaction, e contrail.Delivered[json.RawMessage]) error {
	if !o.topic.holds(e.Stream) { // the subjects don't tell
		return contrail.Skip("not of topic " + o.topic.name)
	}
	h := &handover{event: e, tx: tx}
	msg := watermillMessage(e.Recorded)
	msg.SetContext(context.WithValue(ctx, handoverKey{}, h))
	if err := o.offer(ctx, msg, e.Delivery.Attempt >= o.maxDeliver); err != nil {
		return err
	}
	return h.await(ctx, msg)
}

// offer waits until somebody takes the message. On its last delivery that is worth waiting for while draining, too.
func (o *outlet) offer(ctx context.Context, msg *message.Message, last bool) error {
	o.mu.RLock()
	defer o.mu.RUnlock()
	if o.closed {
		return errNotTaken
	}
	closing := o.closing
	if last {
		closing = nil
	}
	select {
	case o.messages <- msg:
		return nil
	case <-closing:
		return contrail.RetryAfter(0, errNotTaken)
	case <-ctx.Done():
		return context.Cause(ctx) //nolint:wrapcheck // it is our own
	}
}

// handover is an event that somebody has as a message.
type handover struct {
	event contrail.Delivered[json.RawMessage]
	tx    transaction // nil without an inbox

	mu     sync.Mutex
	failed error // what Verdict has learnt
}

type handoverKey struct{}

// handoverFrom returns nil where ctx is not that of a message of ours.
func handoverFrom(ctx context.Context) *handover {
	h, _ := ctx.Value(handoverKey{}).(*handover)
	return h
}

// lastAnswer is how long a handler that was given a transaction may still take to answer when its ctx has ended.
const lastAnswer = 5 * time.Second

// await waits for Ack or Nack, no longer than until ctx ends; with a transaction, which must not be used by two, a little longer. Then that is
// cut off.
func (h *handover) await(ctx context.Context, msg *message.Message) error {
	answered, err := h.answer(ctx, msg)
	if !answered && h.tx != nil {
		late, stop := context.WithTimeout(context.WithoutCancel(ctx), lastAnswer)
		defer stop()
		if answered, err = h.answer(late, msg); !answered {
			h.tx.sever()
		}
	}
	if !answered {
		return context.Cause(ctx) //nolint:wrapcheck // it is our own
	}
	return err
}

// answer waits for Ack or Nack until ctx ends.
func (h *handover) answer(ctx context.Context, msg *message.Message) (answered bool, err error) {
	select {
	case <-msg.Acked():
		return true, h.skipped()
	case <-msg.Nacked():
		return true, h.failure()
	case <-ctx.Done():
		return false, nil
	}
}

func (h *handover) report(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.failed = err
}

// skipped is what the handler said, if that was [contrail.Skip], and nil otherwise: whatever happened, somebody found it good.
func (h *handover) skipped() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, skipped := contrail.SkipReason(h.failed); skipped {
		return h.failed
	}
	return nil
}

// failure is what the handler said, unless the message was nacked in spite of it.
func (h *handover) failure() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, skipped := contrail.SkipReason(h.failed); skipped || h.failed == nil {
		return errNacked
	}
	return h.failed
}
