package subscriptions

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/subscribers"
)

// tries is how often an event is sent whose outcome is not known. The broker knows it again by its id.
const tries = 3

// outgoing is an event that is to be sent.
type outgoing struct {
	position contrail.Position
	message  jetstream.RawStreamMsg
	late     bool // it stands out of its order
}

// Events that are forgotten together, which bars the subscription's handlers for a moment, are a quarter of a second's, and no more than these.
const (
	maxBatch      = 256
	maxBatchBytes = 4 << 20
)

// batchOf is how many events are forgotten together.
func batchOf(rate float64) int {
	if rate < 0 {
		return maxBatch
	}
	return max(1, int(min(rate/4, maxBatch)))
}

// send takes an event on, to be sent with those that come next.
func (r *replaying) send(ctx context.Context, one outgoing) error {
	r.batch = append(r.batch, one)
	r.bytes += len(one.message.Data)
	if len(r.batch) < r.most && r.bytes < maxBatchBytes {
		return nil
	}
	return r.flush(ctx)
}

// flush forgets the events that were taken on, sends them one by one, and counts them.
func (r *replaying) flush(ctx context.Context) error {
	batch := r.batch
	r.batch, r.bytes = nil, 0
	if r.db != nil && len(batch) > 0 {
		positions := make([]contrail.Position, len(batch))
		for n, one := range batch {
			positions[n] = one.position
		}
		if err := forgetThese(ctx, r.db, r.name.inbox(), positions); err != nil {
			return err
		}
	}
	for _, one := range batch {
		if err := r.pace.wait(ctx); err != nil {
			return err
		}
		if err := r.publish(ctx, one); err != nil {
			return fmt.Errorf("send position %d: %w; to go on, replay with the id %s", one.position, err, r.done.ID)
		}
		r.done.Events++
		r.tell(one.position)
	}
	return nil
}

// passOver counts an event that an earlier try has sent.
func (r *replaying) passOver(position contrail.Position) {
	r.done.Before++
	r.tell(position)
}

func (r *replaying) tell(position contrail.Position) {
	r.done.Position = position
	if r.Progress != nil {
		r.Progress(r.done)
	}
}

func (r *replaying) publish(ctx context.Context, one outgoing) error {
	msg, place := one.message, strconv.FormatInt(int64(one.position), 10)
	if one.late {
		place += " late"
	}
	letter := subscribers.DeadLetter{
		Consumer: r.name.Durable, Reason: subscribers.ReasonReplay, PublishedAt: msg.Time, FailedAt: time.Now(),
		Stream: r.name.Stream, Subject: msg.Subject, Sequence: msg.Sequence, MsgID: r.msgID(msg),
		Header: msg.Header, Data: msg.Data,
	}
	again := letter.Requeue(r.name.DeadLetters)
	again.Header.Set(HeaderReplay, r.done.ID+" "+place)
	for name, value := range map[string]string{HeaderReplayedBy: r.By, HeaderReplayedBecause: r.Because} {
		if value != "" {
			again.Header.Set(name, value)
		}
	}
	var faults []error
	for range tries {
		_, err := r.js.PublishMsg(ctx, again, jetstream.WithExpectStream(r.name.DeadLetters))
		if err == nil { // a duplicate, too, is there
			return nil
		}
		if faults = append(faults, err); ctx.Err() != nil {
			break
		}
	}
	return faults[len(faults)-1]
}

// msgID is the event's own, and the run's behind it.
func (r *replaying) msgID(msg jetstream.RawStreamMsg) string {
	id := msg.Header.Get(jetstream.MsgIDHeader)
	if id == "" {
		id = fmt.Sprintf("%s:%d", r.name.Stream, msg.Sequence)
	}
	return id + "/replay/" + r.done.ID
}

// readEarlier learns what earlier tries with the same id have sent.
func (r *replaying) readEarlier(ctx context.Context) error {
	if r.ID == "" {
		return nil
	}
	subject := subscribers.RequeueSubject(r.name.DeadLetters, r.name.Durable)
	requeued, err := openSpan(ctx, r.js, r.name.DeadLetters, subject)
	if err != nil {
		return err
	}
	for msg, err := range requeued.messages(ctx) {
		if err != nil {
			return err
		}
		id, text, _ := strings.Cut(msg.Header.Get(HeaderReplay), " ")
		if id != r.ID {
			continue
		}
		text, late := strings.CutSuffix(text, " late")
		number, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return errors.New("a message of this run has no position; take another id")
		}
		if position := contrail.Position(number); late {
			r.lateSent[position] = true
		} else {
			r.sent = max(r.sent, position)
		}
	}
	return nil
}
