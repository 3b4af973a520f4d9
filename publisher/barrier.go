package publisher

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail/internal/wire"
)

// neverLast is a sequence that no stream's last message has. A message that must follow it is refused.
const neverLast = uint64(math.MaxInt64)

// barrier returns once the stream's state, as its leader tells it, has all that this connection has sent before. When a connection is lost, the
// client may keep one message and send it after it has reconnected; where others write as well no fence refuses that, and a stream that is
// read before it is stored would have it out of its order, unmarked.
//
// It is a message that the stream refuses: in its turn behind those that came before, and with the sequence of the last of them.
func (s *shared) barrier(ctx context.Context, l *lead) error {
	ctx, cancel := context.WithTimeout(ctx, l.config.AckTimeout)
	defer cancel()
	probe := nats.NewMsg(s.subjects.Barrier())
	probe.Header.Set(wire.HeaderFence, strconv.FormatUint(neverLast, 10))
	answer, err := s.js.Conn().RequestMsgWithContext(ctx, probe)
	if err != nil {
		return fmt.Errorf("ask stream %s what it has: %w", l.config.Stream, translateBroker(err))
	}
	last, err := lastOfRefusal(answer.Data)
	if err != nil {
		return fmt.Errorf("ask stream %s what it has: %w", l.config.Stream, err)
	}
	for {
		stream, err := s.js.Stream(ctx, l.config.Stream)
		if err != nil {
			return fmt.Errorf("ask stream %s what it has: %w", l.config.Stream, translateBroker(err))
		}
		if stream.CachedInfo().State.LastSeq >= last { // where it is replicated, a message has its number before it is stored
			return nil
		}
		select {
		case <-time.After(time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("stream %s has not stored message %d: %w", l.config.Stream, last, context.Cause(ctx))
		}
	}
}

// lastOfRefusal reads the last sequence from the refusal of a message that must follow another one.
func lastOfRefusal(answer []byte) (last uint64, err error) {
	_, err = parseAck(answer, "")
	api, ok := errors.AsType[*jetstream.APIError](err)
	if !ok || api.ErrorCode != codeWrongLastSequence {
		return 0, fmt.Errorf("the barrier was answered by %.200q", answer)
	}
	if _, err := fmt.Sscanf(api.Description, "wrong last sequence: %d", &last); err != nil {
		return 0, fmt.Errorf("the barrier was answered by %q", api.Description)
	}
	return last, nil
}
