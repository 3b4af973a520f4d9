package subscribers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// How dead letters are kept, and how long a crash may take until the second try to bury the same event.
const (
	deadLettersKept  = 30 * 24 * time.Hour
	deadLettersDedup = time.Hour
	lastWrite        = 5 * time.Second // for what has to be written although ctx has ended
)

// deadLetters is the stream that takes them.
type deadLetters struct {
	js     jetstream.JetStream
	name   string
	events string // the stream of the events
}

func (d deadLetters) prefix() string { return DeadLetterPrefix(d.name) }

// ensure creates the stream if it is missing, as safe as that of the events is; as long as there is none of those, there is nothing to bury. One that
// exists is left as it is, but must take our subjects.
func (d deadLetters) ensure(ctx context.Context) error {
	there, err := d.isThere(ctx)
	if there || err != nil {
		return err
	}
	events, err := d.js.Stream(ctx, d.events)
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound):
		return nil
	case err != nil:
		return fmt.Errorf("look up stream %s: %w", d.events, err)
	}
	like := events.CachedInfo().Config
	_, err = d.js.CreateStream(ctx, jetstream.StreamConfig{
		Name: d.name, Description: "Events that a Contrail subscription could not handle.",
		Subjects: []string{d.prefix() + ".>"}, Retention: jetstream.LimitsPolicy, Storage: jetstream.FileStorage,
		MaxAge: deadLettersKept, Duplicates: deadLettersDedup, AllowDirect: true, Replicas: like.Replicas, Placement: like.Placement,
	})
	if !errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
		if err != nil {
			err = fmt.Errorf("create stream %s for dead letters: %w", d.name, err)
		}
		return err
	}
	there, err = d.isThere(ctx) // somebody else may have been faster
	if !there && err == nil {
		err = misconfigured("DeadLetters: stream %s exists, but does not take the subjects %s.>", d.name, d.prefix())
	}
	return err
}

func (d deadLetters) isThere(ctx context.Context) (bool, error) {
	taker, err := d.js.StreamNameBySubject(ctx, d.prefix()+".events.>")
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("look for the stream of dead letters: %w", err)
	case taker != d.name:
		return false, misconfigured("DeadLetters: stream %s takes the subjects %s.>; name that one, or take them from it", taker, d.prefix())
	}
	return true, nil
}

// publish returns when the broker has the dead letter, or after some seconds with an error. It does so although ctx has ended.
func (d deadLetters) publish(ctx context.Context, letter DeadLetter) error {
	if ctx.Err() != nil && !d.js.Conn().IsConnected() {
		return nats.ErrDisconnected
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWrite)
	defer cancel()
	message := &nats.Msg{Subject: deadLetterSubject(d.prefix(), letter), Header: letter.header(false), Data: letter.Data}
	id := letter.ID()
	ack, err := d.send(ctx, message, id)
	if isTooLarge(err) {
		message.Header = letter.header(true)
		ack, err = d.send(ctx, message, id)
	}
	if isTooLarge(err) { // what can be said is where to find it
		letter.Header, message.Data = nil, nil
		letter.Error = "the event is too large for a dead letter, and stands in its stream only: " + letter.Error
		message.Header = letter.header(true)
		ack, err = d.send(ctx, message, id)
	}
	if err != nil || !ack.Duplicate || d.holds(ctx, letter, ack.Sequence) {
		return err
	}
	// The one before was discarded, and the event has failed anew: the id is used up, but there is nothing that it would double.
	_, err = d.send(ctx, message, fmt.Sprintf("%s#%d", id, letter.FailedAt.UnixNano()))
	return err
}

// codeTooLarge is JetStream's error when a message is larger than the stream takes.
const codeTooLarge = 10054

func isTooLarge(err error) bool {
	refusal, refused := errors.AsType[*jetstream.APIError](err)
	return errors.Is(err, nats.ErrMaxPayload) || refused && refusal.ErrorCode == codeTooLarge
}

func (d deadLetters) send(ctx context.Context, message *nats.Msg, id string) (*jetstream.PubAck, error) {
	return d.js.PublishMsg(ctx, message, jetstream.WithMsgID(id), jetstream.WithExpectStream(d.name)) //nolint:wrapcheck // bury wraps it
}

// holds tells whether the dead letter is still there; in doubt it is. Messages that are not events may share an id.
func (d deadLetters) holds(ctx context.Context, letter DeadLetter, sequence uint64) bool {
	stream, err := d.js.Stream(ctx, d.name)
	if err != nil {
		return true
	}
	found, err := stream.GetMsg(ctx, sequence)
	if err != nil {
		return !errors.Is(err, jetstream.ErrMsgNotFound)
	}
	there, err := ParseDeadLetter(found.Header, found.Data)
	return err != nil || there.Stream == letter.Stream && (there.Sequence == letter.Sequence || there.PublishedAt.Equal(letter.PublishedAt))
}
