package subscribers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/wire"
)

// reading is one ordered consumer on the stream. The client library replaces that consumer by itself when it misses a message, but not only
// then: also when the stream was deleted and made anew, where sequences mean something else. So a reading ends with its first consumer, and
// the next one verifies the checkpoint again.
type reading struct {
	js         jetstream.JetStream
	projection string
	stream     string
	consumer   string
	messages   jetstream.MessagesContext
	arrived    chan jetstream.Msg
	interest   interest
	evidence   evidence
	logger     *slog.Logger
}

var errReplaced = errors.New("the consumer was replaced")

// open starts reading behind the checkpoint: after its sequence if the stream still has the checkpoint's event there, otherwise from the
// stream's beginning. It looks after it has made the consumer, so that the stream can't be replaced unnoticed in between.
func (p *Projection) open(ctx context.Context, s standing) (*reading, error) {
	from := s.at
	stream, err := p.js.Stream(ctx, p.config.Stream)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, fmt.Errorf("stream %s does not exist; the relay creates it when it starts: %w", p.config.Stream, err)
	}
	if err != nil {
		return nil, fmt.Errorf("look up stream %s: %w", p.config.Stream, err)
	}
	reading, err := p.read(ctx, from.sequence+1)
	if err != nil {
		return nil, err
	}
	last, err := p.complete(ctx, stream, from)
	if err != nil {
		reading.close(ctx)
		return nil, err
	}
	same, err := holds(ctx, stream, from)
	if err != nil {
		reading.close(ctx)
		return nil, err
	}
	if !same {
		reading.close(ctx)
		p.config.Logger.WarnContext(ctx, "the stream does not hold the checkpoint's event where it was, reading it from the beginning")
		if reading, err = p.read(ctx, 1); err != nil {
			return nil, err
		}
	}
	if reading.evidence, err = p.begin(ctx, s, last, same && from.sequence > 0); err != nil {
		reading.close(ctx)
		return nil, err
	}
	return reading, nil
}

// complete refuses a stream that begins after the next event to project: what was before is gone, and the read model would lack it. It
// returns the stream's last sequence.
func (p *Projection) complete(ctx context.Context, stream jetstream.Stream, from checkpoint) (last uint64, err error) {
	info, err := stream.Info(ctx)
	if err != nil {
		return 0, fmt.Errorf("look up stream %s: %w", p.config.Stream, err)
	}
	if first := info.State.FirstSeq; first > from.sequence+1 {
		return 0, misconfigured("events %d to %d are gone from stream %s, and the checkpoint is before them; let the relay "+
			"fill a new stream from the first event on (its Stream and Prefix), and project that one", from.sequence+1, first-1, p.config.Stream)
	}
	return info.State.LastSeq, nil
}

// holds tells whether the stream has reached the checkpoint's position at the checkpoint's sequence: with the event itself, or with one
// that stands there out of its order. A checkpoint at sequence zero is about no message.
func holds(ctx context.Context, stream jetstream.Stream, at checkpoint) (bool, error) {
	if at.sequence == 0 {
		return true, nil
	}
	found, err := stream.GetMsg(ctx, at.sequence)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("verify the checkpoint: %w", err)
	}
	event, err := wire.DecodeMessage(found.Header, found.Data)
	reached := event.Position
	if event.Resent != "" {
		reached = event.After
	}
	return err == nil && reached == at.position, nil
}

func (p *Projection) read(ctx context.Context, sequence uint64) (*reading, error) {
	consumer, err := p.js.OrderedConsumer(ctx, p.config.Stream, jetstream.OrderedConsumerConfig{
		FilterSubjects: p.interest.filters, DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: sequence,
		MaxResetAttempts: 1, Metadata: map[string]string{"contrail-projection": p.config.Name},
	})
	if err != nil {
		return nil, fmt.Errorf("read stream %s: %w", p.config.Stream, err)
	}
	messages, err := consumer.Messages(jetstream.PullMaxMessages(4 * p.config.Batch))
	if err != nil {
		return nil, fmt.Errorf("read stream %s: %w", p.config.Stream, err)
	}
	return &reading{
		js: p.js, projection: p.config.Name, stream: p.config.Stream, consumer: consumer.CachedInfo().Name, messages: messages,
		arrived: make(chan jetstream.Msg, p.config.Batch), interest: p.interest, logger: p.config.Logger,
	}, nil
}

// close stops the reading and removes its consumer, which would otherwise go by itself after five minutes.
func (r *reading) close(ctx context.Context) {
	r.messages.Stop()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWrite)
	defer cancel()
	if r.js.Conn().IsConnected() {
		_ = r.js.DeleteConsumer(ctx, r.stream, r.consumer) // see above
	}
}

// feed takes messages from the client library until ctx ends or the consumer is lost.
func (r *reading) feed(ctx context.Context) error {
	for {
		msg, err := r.messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return fmt.Errorf("read stream %s: %w", r.stream, err)
		}
		select {
		case r.arrived <- msg:
		case <-ctx.Done():
			return context.Cause(ctx) //nolint:wrapcheck // it is our own
		}
	}
}

// stretch is what was read in one go: the events to project, and the checkpoints before and behind them.
type stretch struct {
	events   []contrail.Delivered[json.RawMessage]
	from, to checkpoint
	filled   []int64 // the positions of those events that fill a gap
	leftOut  []late  // what may be missing from the read model
	rebuilds int64   // times that the read model was rebuilt, as far as the reading knows
}

// isEmpty tells that nothing is to be done: no events, and the checkpoint stays.
func (s *stretch) isEmpty() bool { return len(s.events) == 0 && s.to == s.from }

// gather waits for something behind the checkpoint, and returns the events that are there already, at most limit, and the checkpoint behind
// them. That has moved without events when all that was read is left out. Both results may be set: the events before what the error is
// about.
func (r *reading) gather(ctx context.Context, from checkpoint, limit int) (stretch, error) {
	s := stretch{from: from, to: from, rebuilds: r.evidence.rebuilds}
	for len(s.events) < limit {
		msg, err := r.next(ctx, s.isEmpty())
		if msg == nil || err != nil {
			return s, err
		}
		message, sequence, err := r.decode(msg)
		if err != nil {
			return s, err
		}
		r.take(&s, message, sequence)
	}
	return s, nil
}

// take adds a message to what is projected, or leaves it out. The checkpoint passes it in either case.
func (r *reading) take(s *stretch, message wire.Message, sequence uint64) {
	fresh := r.evidence.isNew(message, sequence, s.to)
	switch selected := r.interest.selection.has(message.Recorded); {
	case !selected:
	case fresh:
		s.events = append(s.events, contrail.Delivered[json.RawMessage]{
			Recorded: message.Recorded, Data: message.Data,
			Delivery: contrail.Delivery{Consumer: r.projection, Sequence: sequence, Attempt: 1, Source: message.Source},
		})
		if message.Position <= r.evidence.rebuilt {
			s.filled = append(s.filled, int64(message.Position))
			delete(r.evidence.gaps, message.Position)
		}
	case message.Resent != "":
		s.leftOut = append(s.leftOut, late{message.Position, message.Stream, message.Resent, sequence})
	}
	s.to = r.evidence.after(message, sequence, s.to, fresh)
}

func (r *reading) next(ctx context.Context, wait bool) (jetstream.Msg, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx) //nolint:wrapcheck // it is our own
	}
	select {
	case msg := <-r.arrived:
		return msg, nil
	default:
	}
	if !wait {
		return nil, nil //nolint:nilnil // none, and no fault
	}
	select {
	case msg := <-r.arrived:
		return msg, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx) //nolint:wrapcheck // it is our own
	}
}

func (r *reading) decode(msg jetstream.Msg) (message wire.Message, sequence uint64, err error) {
	meta, err := msg.Metadata()
	if err != nil {
		return wire.Message{}, 0, fmt.Errorf("read stream %s: %w", r.stream, err)
	}
	if meta.Consumer != r.consumer {
		return wire.Message{}, 0, errReplaced
	}
	message, err = wire.DecodeMessage(msg.Headers(), msg.Data())
	if err != nil {
		return wire.Message{}, 0, fmt.Errorf("stream %s, sequence %d, subject %s: %w", r.stream, meta.Sequence.Stream, msg.Subject(), err)
	}
	return message, meta.Sequence.Stream, nil
}
