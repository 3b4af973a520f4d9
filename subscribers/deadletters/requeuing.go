package deadletters

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail/subscribers"
)

// requeuing requeues letters, in the order of their IDs.
type requeuing struct {
	broker

	options   Options
	pace      *pace
	listeners listeners
	earlier   earlier
}

func (r *requeuing) do(ctx context.Context, letter Letter) (Outcome, error) {
	switch bound := r.options.MaxReplays; {
	case letter.Malformed():
		return outcome(letter, ResultRefused, "is "+letter.Error+"; it can only be discarded"), nil
	case bound >= 0 && letter.Replays >= bound:
		text := fmt.Sprintf("was requeued %s already, and failed each time; do away with the cause, and raise the bound", times(letter.Replays))
		return outcome(letter, ResultRefused, text), nil
	}
	requeued, err := r.earlier.of(ctx, letter)
	if err != nil {
		return outcome(letter, ResultFailed, "can't be requeued: "+err.Error()), err
	}
	if requeued == 0 {
		if err := r.pace.wait(ctx); err != nil {
			return Outcome{}, err
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerTime) // what is begun is finished
	defer cancel()
	return r.requeue(ctx, letter, requeued)
}

// requeue publishes the copy, unless a try before has, and deletes the letter.
func (r *requeuing) requeue(ctx context.Context, letter Letter, requeued uint64) (Outcome, error) {
	text := "is requeued to " + letter.Consumer
	if requeued > 0 {
		text = fmt.Sprintf("was requeued to %s already, as %d", letter.Consumer, requeued)
	} else {
		ack, err := r.send(ctx, letter)
		if err != nil {
			return failed(letter, "could not be requeued", err)
		}
		requeued = ack.Sequence
	}
	if err := r.remove(ctx, letter.ID); err != nil {
		told, err := failed(letter, "is requeued, but stays a dead letter as well", err)
		told.Sequence = requeued
		return told, err
	}
	told := outcome(letter, ResultRequeued, text)
	told.Sequence = requeued
	listener, err := r.listeners.of(ctx, letter.Consumer)
	if err == nil && listener == nil {
		told.Warning = fmt.Sprintf("no subscription %s listens on %s so far; it gets the event when it runs", letter.Consumer, r.name)
	}
	return told, err
}

// send publishes the copy. One that the broker has as a duplicate was sent by a try before; unless it is older than the letter: then the
// event was requeued, handled, delivered once more since its consumer was reset, and has failed anew.
func (r *requeuing) send(ctx context.Context, letter Letter) (*jetstream.PubAck, error) {
	msg := letter.Requeue(r.name)
	r.options.write(msg.Header, HeaderRequeuedBy, HeaderRequeuedBecause)
	ack, err := r.publish(ctx, msg)
	if isTooLarge(err) {
		shorten(msg)
		ack, err = r.publish(ctx, msg)
	}
	if err != nil || !ack.Duplicate || ack.Sequence > letter.ID {
		return ack, err
	}
	msg.Header.Set(jetstream.MsgIDHeader, fmt.Sprintf("%s#%d", msg.Header.Get(jetstream.MsgIDHeader), letter.ID))
	return r.publish(ctx, msg)
}

// tooLarge is the broker's code for a message that is larger than the stream takes.
const tooLarge = 10054

func isTooLarge(err error) bool {
	refusal, answered := errors.AsType[*jetstream.APIError](err)
	return errors.Is(err, nats.ErrMaxPayload) || answered && refusal.ErrorCode == tooLarge
}

// shorten leaves out of the headers what an event near the broker's size limit has no room for, and needs not to be handled.
func shorten(msg *nats.Msg) {
	for _, name := range []string{subscribers.HeaderErrorChain, subscribers.HeaderStack, subscribers.HeaderError, HeaderRequeuedBecause} {
		msg.Header.Del(name)
	}
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}
