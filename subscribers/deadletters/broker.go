package deadletters

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// ErrNoStream says that there is no such stream of dead letters.
var ErrNoStream = errors.New("no such stream of dead letters")

// answerTime is how long the broker may take for one answer.
const answerTime = 10 * time.Second

// broker is the stream of dead letters.
type broker struct {
	js     jetstream.JetStream
	name   string
	stream jetstream.Stream
}

func openBroker(ctx context.Context, js jetstream.JetStream, name string) (broker, error) {
	stream, err := js.Stream(ctx, name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return broker{}, fmt.Errorf("stream %s: %w; a subscription creates it when it starts", name, ErrNoStream)
	}
	if err != nil {
		return broker{}, fmt.Errorf("stream %s: %w", name, err)
	}
	return broker{js: js, name: name, stream: stream}, nil
}

// message is one of the stream's, whatever it is.
type message struct {
	subject  string
	sequence uint64
	storedAt time.Time
	header   nats.Header
	data     []byte
}

// which is the message that has this sequence or, with a subject, the first one on it from there on.
type which struct {
	Sequence uint64 `json:"seq"`
	Subject  string `json:"next_by_subj,omitempty"`
}

// get asks the stream's leader; any replica would answer a direct get, and might not know yet what was deleted. The error is
// [jetstream.ErrMsgNotFound] when there is none.
func (b broker) get(ctx context.Context, one which) (message, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	request, err := json.Marshal(one)
	if err != nil {
		return message{}, fmt.Errorf("read message %d of stream %s: %w", one.Sequence, b.name, err)
	}
	reply, err := b.js.Conn().RequestWithContext(ctx, b.apiPrefix()+"STREAM.MSG.GET."+b.name, request)
	if err != nil {
		return message{}, fmt.Errorf("read message %d of stream %s: %w", one.Sequence, b.name, err)
	}
	found, err := decode(reply.Data)
	if err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) {
		err = fmt.Errorf("read message %d of stream %s: %w", one.Sequence, b.name, err)
	}
	return found, err
}

// decode reads the leader's answer.
func decode(answer []byte) (message, error) {
	var response struct {
		Error   *jetstream.APIError `json:"error"`
		Message struct {
			Subject  string    `json:"subject"`
			Sequence uint64    `json:"seq"`
			Time     time.Time `json:"time"`
			Header   []byte    `json:"hdrs"`
			Data     []byte    `json:"data"`
		} `json:"message"`
	}
	if err := json.Unmarshal(answer, &response); err != nil {
		return message{}, err //nolint:wrapcheck // get wraps it
	}
	switch refusal := response.Error; {
	case refusal != nil && refusal.ErrorCode == jetstream.JSErrCodeMessageNotFound:
		return message{}, jetstream.ErrMsgNotFound
	case refusal != nil:
		return message{}, refusal
	}
	stored := response.Message
	found := message{subject: stored.Subject, sequence: stored.Sequence, storedAt: stored.Time.UTC(), data: stored.Data}
	if len(stored.Header) > 0 {
		header, err := nats.DecodeHeadersMsg(stored.Header)
		if err != nil {
			return message{}, err //nolint:wrapcheck // get wraps it
		}
		found.header = header
	}
	return found, nil
}

func (b broker) apiPrefix() string {
	options := b.js.Options()
	switch {
	case options.APIPrefix != "":
		return options.APIPrefix
	case options.Domain != "":
		return "$JS." + options.Domain + ".API."
	}
	return jetstream.DefaultAPIPrefix
}

// publish returns when the stream has the message.
func (b broker) publish(ctx context.Context, msg *nats.Msg) (*jetstream.PubAck, error) {
	return b.js.PublishMsg(ctx, msg, jetstream.WithExpectStream(b.name)) //nolint:wrapcheck // the caller tells what of
}

// remove deletes a message. One that is gone already is deleted.
func (b broker) remove(ctx context.Context, id uint64) error {
	err := b.stream.DeleteMsg(ctx, id)
	if err == nil {
		return nil
	}
	if _, gone := b.get(ctx, which{Sequence: id}); errors.Is(gone, jetstream.ErrMsgNotFound) {
		return nil
	}
	return fmt.Errorf("delete letter %d of %s: %w", id, b.name, err)
}
