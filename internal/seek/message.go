package seek

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// patience is how long one answer may take, for a ctx without a deadline: a cluster without a leader does not answer at all.
const patience = 5 * time.Second

// request is that of $JS.API.STREAM.MSG.GET.
type request struct {
	Sequence uint64 `json:"seq,omitempty"`
	NextFor  string `json:"next_by_subj,omitempty"`
}

// Next returns the first message at or behind a sequence, which is above zero; nil: there is none. Sequences without a message do not matter.
func (s *Stream) Next(ctx context.Context, sequence uint64) (*Message, error) {
	return s.get(ctx, request{Sequence: sequence, NextFor: s.subject})
}

// Get returns the message with this sequence, whatever its subject; nil: there is none.
func (s *Stream) Get(ctx context.Context, sequence uint64) (*Message, error) {
	return s.get(ctx, request{Sequence: sequence})
}

func (s *Stream) get(ctx context.Context, which request) (*Message, error) {
	wrap := func(err error) error {
		return fmt.Errorf("read message %d of stream %s: %w", which.Sequence, s.name, err)
	}
	question, err := json.Marshal(which)
	if err != nil {
		return nil, wrap(err)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	answer, err := s.js.Conn().RequestWithContext(ctx, apiPrefix(s.js)+"STREAM.MSG.GET."+s.name, question)
	if err != nil {
		return nil, wrap(err)
	}
	var response struct {
		Error   *jetstream.APIError `json:"error"`
		Message struct {
			Subject  string    `json:"subject"`
			Sequence uint64    `json:"seq"`
			Header   []byte    `json:"hdrs"`
			Data     []byte    `json:"data"`
			Time     time.Time `json:"time"`
		} `json:"message"`
	}
	if err := json.Unmarshal(answer.Data, &response); err != nil {
		return nil, wrap(err)
	}
	switch {
	case response.Error == nil:
	case response.Error.ErrorCode == jetstream.JSErrCodeMessageNotFound:
		return nil, nil //nolint:nilnil // none, and no fault
	default:
		return nil, wrap(response.Error)
	}
	found := response.Message
	message := &Message{jetstream.RawStreamMsg{Subject: found.Subject, Sequence: found.Sequence, Data: found.Data, Time: found.Time}}
	if len(found.Header) > 0 {
		if message.Header, err = nats.DecodeHeadersMsg(found.Header); err != nil {
			return nil, wrap(err)
		}
	}
	return message, nil
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
