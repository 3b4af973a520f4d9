package publisher

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/wire"
)

// lastMessage is the message at the end of a stream.
type lastMessage struct {
	found   bool // false: the stream is empty
	ours    bool // it came from this store
	message wire.Message
}

// stored is a message as the stream has it.
type stored struct {
	sequence uint64
	header   nats.Header
	data     []byte
}

// readMessage asks the stream's leader for one message, by {"seq": …} or {"last_by_subj": …}. A direct get would be answered by any replica, and could
// be stale.
func readMessage(ctx context.Context, js jetstream.JetStream, stream string, which map[string]any) (stored, error) {
	wrap := func(err error) error { return fmt.Errorf("read message %v of stream %s: %w", which, stream, err) }
	request, err := json.Marshal(which)
	if err != nil {
		return stored{}, err //nolint:wrapcheck // a map of integers and strings always marshals
	}
	reply, err := js.Conn().RequestWithContext(ctx, apiPrefix(js)+"STREAM.MSG.GET."+stream, request)
	if err != nil {
		return stored{}, wrap(translateBroker(err))
	}
	var response struct {
		Error   *jetstream.APIError `json:"error"`
		Message struct {
			Sequence uint64 `json:"seq"`
			Header   []byte `json:"hdrs"`
			Data     []byte `json:"data"`
		} `json:"message"`
	}
	if err := json.Unmarshal(reply.Data, &response); err != nil {
		return stored{}, wrap(err)
	}
	if response.Error != nil {
		if response.Error.ErrorCode == jetstream.JSErrCodeMessageNotFound {
			return stored{}, jetstream.ErrMsgNotFound
		}
		return stored{}, wrap(response.Error)
	}
	found := stored{sequence: response.Message.Sequence, data: response.Message.Data}
	if len(response.Message.Header) > 0 {
		if found.header, err = nats.DecodeHeadersMsg(response.Message.Header); err != nil {
			return stored{}, wrap(err)
		}
	}
	return found, nil
}

func apiPrefix(js jetstream.JetStream) string {
	options := js.Options()
	switch {
	case options.APIPrefix != "":
		return options.APIPrefix
	case options.Domain != "":
		return "$JS." + options.Domain + ".API."
	}
	return jetstream.DefaultAPIPrefix
}

// readLast returns the stream's last message, if it still holds it.
func readLast(ctx context.Context, js jetstream.JetStream, stream string, state jetstream.StreamState, store uuid.UUID) (lastMessage, error) {
	if state.Msgs == 0 {
		return lastMessage{}, nil
	}
	return readOne(ctx, js, stream, store, map[string]any{"seq": state.LastSeq})
}

func readOne(ctx context.Context, js jetstream.JetStream, stream string, store uuid.UUID, which map[string]any) (lastMessage, error) {
	found, err := readMessage(ctx, js, stream, which)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return lastMessage{}, nil
	}
	if err != nil {
		return lastMessage{}, err
	}
	message, err := wire.DecodeMessage(found.header, found.data)
	if err != nil {
		return lastMessage{found: true}, nil //nolint:nilerr // what does not decode is foreign, which is what the caller asks
	}
	return lastMessage{found: true, ours: wire.IsFrom(message.Source, store), message: message}, nil
}

// place is the position of the last event that stands in its order at or before the message.
func (m lastMessage) place() contrail.Position {
	if m.message.Resent != "" {
		return m.message.After
	}
	return m.message.Position
}
