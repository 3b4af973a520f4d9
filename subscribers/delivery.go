package subscribers

import (
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail/internal/wire"
)

// identity tells deliveries of the same event. The sequence alone does not: a stream that was deleted and made anew uses it again.
type identity struct {
	feed     uint8  // which of the session's feeds it came from
	sequence uint64 // in the feed's JetStream stream
	stored   int64  // when that took the event, in Unix nanoseconds
}

// delivery is an event in hand: its message, and the one place from which the broker is answered.
type delivery struct {
	identity

	subject   string
	number    uint64      // its sequence in the stream that the relay publishes to
	requeued  bool        // a person wants it handled once more
	origin    *DeadLetter // what it was requeued from, if that is known
	lane      string      // the event's stream, whatever the subject says of it
	eventType string
	form      form // where its handler runs, as far as the type tells
	arrived   time.Time
	about     about // written and read by the worker that has the delivery

	alone bool // it shares no transaction, since it failed here before or was requeued; the scheduler's lock guards it

	mu       sync.Mutex // guards what follows: redeliveries and heartbeats come from other goroutines than the worker's
	msg      jetstream.Msg
	meta     *jetstream.MsgMetadata
	answered bool
	handled  handling
}

func newDelivery(from *feed, msg jetstream.Msg) (*delivery, error) {
	meta, err := msg.Metadata()
	if err != nil {
		return nil, err //nolint:wrapcheck // the one caller logs it
	}
	d := &delivery{
		identity: identity{feed: from.id, sequence: meta.Sequence.Stream, stored: meta.Timestamp.UnixNano()},
		subject:  msg.Subject(), number: meta.Sequence.Stream, arrived: time.Now(), msg: msg, meta: meta,
	}
	from.place(d)
	var ours bool
	if d.lane, d.eventType, ours = wire.Peek(msg.Headers(), msg.Data()); !ours {
		d.lane = d.subject // no stream's name has a '.'
	}
	return d, nil
}

// replays is how often a person had the event requeued.
func (d *delivery) replays() int {
	switch {
	case d.origin != nil:
		return max(1, d.origin.Replays)
	case d.requeued:
		return 1
	}
	return 0
}

// renew makes d answer for a delivery of the same event that arrived later. Numbers don't tell which is the newer: a consumer that was
// made again under its name counts from one.
func (d *delivery) renew(newer *delivery) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.msg, d.meta = newer.msg, newer.meta
	d.answered = false
}

// attempt is the number of the delivery, 1 for the first.
func (d *delivery) attempt() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return int(d.meta.NumDelivered) //nolint:gosec // bounded by MaxDeliver
}

// current returns the message of the newest delivery.
func (d *delivery) current() (jetstream.Msg, *jetstream.MsgMetadata) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.msg, d.meta
}

// answer returns the message for the final answer to the broker, or nil when there was one. From then on there are no heartbeats: one
// that overtook a nak would undo its delay.
func (d *delivery) answer() jetstream.Msg {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.answered {
		return nil
	}
	d.answered = true
	return d.msg
}

// progress tells the broker that the event is still in hand.
func (d *delivery) progress() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.answered {
		return nil
	}
	return d.msg.InProgress() //nolint:wrapcheck // the one caller logs it
}
