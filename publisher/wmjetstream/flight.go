package wmjetstream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// flight is one Publish: of its messages, the first are settled, the next are on their way, and the rest wait to be sent.
type flight struct {
	publisher *Publisher
	topic     string
	messages  []*message.Message
	patience  time.Duration // how long the next acknowledgement may take

	futures []jetstream.PubAckFuture // of the messages sent
	settled int                      // how many of these are known or given up
	last    *nats.Msg                // what the last one was made into, sent or not

	published, unknown int   // of those settled
	failed             int   // the first that is not known to be stored, where err is not nil
	err                error // and why
}

// fly sends what can be sent and waits for all of that. Outcomes are taken in the order of the messages, so that the first failure is the
// one to tell; what could not be sent comes after everything that was.
func (f *flight) fly() error {
	unsent := f.sendAll()
	for f.settled < len(f.futures) {
		f.settle(true)
	}
	if f.err == nil && unsent != nil {
		f.failed, f.err = len(f.futures), unsent
	}
	if f.err == nil {
		return nil
	}
	return f.report()
}

// sendAll sends until a message fails: one that can't be sent, by the error returned, or one sent before, by f.err.
func (f *flight) sendAll() error {
	if len(f.messages) == 0 {
		return nil
	}
	if err := f.publisher.provision(f.messages[0].Context(), f.topic); err != nil {
		return err
	}
	for _, msg := range f.messages {
		if !f.makeRoom() {
			break
		}
		future, err := f.send(msg)
		if err != nil {
			return err
		}
		f.futures = append(f.futures, future)
	}
	return nil
}

// makeRoom takes the outcomes that are there, and waits for one if Config.InFlight says so. It tells whether all is well so far.
func (f *flight) makeRoom() bool {
	for f.err == nil && f.settled < len(f.futures) {
		if full := len(f.futures)-f.settled >= f.publisher.config.InFlight; !f.settle(full) {
			break
		}
	}
	return f.err == nil
}

// send hands one message to the client, which must not send it again on its own: later ones would have overtaken it by then.
func (f *flight) send(msg *message.Message) (jetstream.PubAckFuture, error) {
	const step = 50 * time.Millisecond // while it waits for room, the client does not look at the context
	ctx, p := msg.Context(), f.publisher
	f.last = nil
	made, err := p.marshal(f.topic, msg)
	if err != nil {
		return nil, err
	}
	f.last = made
	for waited := step; ; waited += step {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx) //nolint:wrapcheck // report says what was done
		}
		future, err := p.js.PublishMsgAsync(made, jetstream.WithRetryAttempts(0), jetstream.WithStallWait(step))
		if !errors.Is(err, jetstream.ErrTooManyStalledMsgs) || waited >= p.config.AckTimeout {
			return future, err //nolint:wrapcheck // likewise
		}
	}
}

// settle takes the outcome of the oldest message that is on its way, and tells whether there was one. If it is to wait there always is, be
// it that none came in time.
func (f *flight) settle(wait bool) bool {
	ctx, future := f.messages[f.settled].Context(), f.futures[f.settled]
	select {
	case <-future.Ok():
		return f.note(nil)
	case err := <-future.Err():
		return f.note(err)
	default:
		if !wait {
			return false
		}
	}
	select {
	case <-future.Ok():
		return f.note(nil)
	case err := <-future.Err():
		return f.note(err)
	case <-ctx.Done():
		return f.note(context.Cause(ctx))
	case <-time.After(f.patience):
		f.patience = 0 // the others have been on their way for as long
		return f.note(fmt.Errorf("no acknowledgement came within %s", f.publisher.config.AckTimeout))
	}
}

func (f *flight) note(err error) bool {
	switch {
	case err == nil:
		f.published++
	case isUnknown(err):
		f.unknown++
	}
	if err != nil && f.err == nil {
		f.failed, f.err = f.settled, err
	}
	f.settled++
	return true
}

func (f *flight) report() error {
	culprit := f.messages[f.failed]
	told := &PublishError{
		Topic: f.topic, Messages: len(f.messages), Published: f.published, Unknown: f.unknown,
		Failed: f.failed, UUID: culprit.UUID, Err: f.err,
	}
	msg, sent := f.last, f.failed < len(f.futures)
	if sent {
		msg = f.futures[f.failed].Msg()
	}
	if msg != nil {
		told.Subject = msg.Subject
	}
	switch {
	case sent && isUnknown(f.err):
		told.Err = fmt.Errorf("%w, publish again: %w", ErrUnknown, f.err)
	case msg != nil:
		told.Err = f.publisher.explain(culprit.Context(), msg, f.err)
	}
	return told
}
