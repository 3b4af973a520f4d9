package publisher

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail/internal/wire"
)

// lastMessage is the message at the end of a stream.
type lastMessage struct {
	found   bool // false: the stream is empty
	ours    bool // it came from this store
	message wire.Message
}

// readMessage asks the stream's leader for one message. A direct get would be answered by any replica, and could be stale.
func readMessage(ctx context.Context, js jetstream.JetStream, stream string, sequence uint64) ([]byte, error) {
	request, err := json.Marshal(map[string]uint64{"seq": sequence})
	if err != nil {
		return nil, err //nolint:wrapcheck // a map of integers always marshals
	}
	reply, err := js.Conn().RequestWithContext(ctx, apiPrefix(js)+"STREAM.MSG.GET."+stream, request)
	if err != nil {
		return nil, fmt.Errorf("read message %d of stream %s: %w", sequence, stream, translateBroker(err))
	}
	var response struct {
		Error   *jetstream.APIError `json:"error"`
		Message struct {
			Data []byte `json:"data"`
		} `json:"message"`
	}
	if err := json.Unmarshal(reply.Data, &response); err != nil {
		return nil, fmt.Errorf("read message %d of stream %s: %w", sequence, stream, err)
	}
	if response.Error != nil {
		if response.Error.ErrorCode == jetstream.JSErrCodeMessageNotFound {
			return nil, jetstream.ErrMsgNotFound
		}
		return nil, fmt.Errorf("read message %d of stream %s: %w", sequence, stream, response.Error)
	}
	return response.Message.Data, nil
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
func readLast(ctx context.Context, js jetstream.JetStream, stream string, state jetstream.StreamState, isOurs func(source string) bool) (lastMessage, error) {
	if state.Msgs == 0 {
		return lastMessage{}, nil
	}
	payload, err := readMessage(ctx, js, stream, state.LastSeq)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return lastMessage{}, nil
	}
	if err != nil {
		return lastMessage{}, err
	}
	message, err := wire.Decode(payload)
	if err != nil {
		return lastMessage{found: true}, nil //nolint:nilerr // what does not decode is foreign, which is what the caller asks
	}
	return lastMessage{found: true, ours: isOurs(message.Source), message: message}, nil
}
