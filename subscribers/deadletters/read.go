package deadletters

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	readAhead      = 2 << 20                // bytes that wait in memory, at most, unless a single message is as large
	glance         = 250 * time.Millisecond // of silence, until the stream is asked whether anything is left
	firstPatience  = 5 * time.Second        // with a consumer that sends nothing while something is left; doubled each time
	longestSilence = time.Minute            // until the broker counts as lost
	resets         = 5                      // of the consumer in a row, likewise
)

// span is which messages to read.
type span struct {
	subjects    []string
	after       uint64
	upTo        uint64 // zero: up to the last one that there is when it begins
	headersOnly bool
}

// read yields messages in the stream's order, in constant memory, and holds nothing back while the loop's body runs, however long that is:
// what lasts too long for the broker is begun anew where it was. It ends with the last message that was there when it began, also when
// others are deleted meanwhile. An error comes as the last pair.
func (b broker) read(ctx context.Context, what span) iter.Seq2[message, error] {
	return func(yield func(message, error) bool) {
		r, err := b.open(ctx, what)
		defer r.close(ctx)
		for err == nil {
			var m message
			if m, err = r.next(ctx); err == nil && !yield(m, nil) {
				return
			}
		}
		if !errors.Is(err, io.EOF) {
			yield(message{}, fmt.Errorf("read stream %s: %w", b.name, err))
		}
	}
}

// reader is how far it is.
type reader struct {
	broker

	span
	consumer jetstream.Consumer // nil: none is made yet
	messages jetstream.MessagesContext
	stop     func() bool   // ends with ctx no more
	last     uint64        // sequence that was read
	pending  uint64        // messages behind it, as the consumer believes
	silence  time.Duration // since then
	patience time.Duration // how long it may last until another consumer is made
}

// open returns io.EOF where there is nothing to read. The reader has to be closed in any case.
func (b broker) open(ctx context.Context, what span) (*reader, error) {
	r := &reader{broker: b, span: what, last: what.after}
	info, err := b.stream.Info(ctx)
	if err != nil {
		return r, err //nolint:wrapcheck // read wraps it
	}
	last := info.State.LastSeq
	if r.upTo == 0 || r.upTo > last {
		r.upTo = last
	}
	if info.State.Msgs == 0 || r.after >= r.upTo {
		return r, io.EOF
	}
	return r, r.begin(ctx)
}

// begin makes a consumer of what is left. The client library replaces one that is lost, but only after a silence longer than a glance, which
// it never sees.
func (r *reader) begin(ctx context.Context) error {
	r.close(ctx)
	consumer, err := r.stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{
		FilterSubjects: r.subjects, DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: r.last + 1,
		HeadersOnly: r.headersOnly, MaxResetAttempts: resets,
	})
	if err != nil {
		return err //nolint:wrapcheck // read wraps it
	}
	messages, err := consumer.Messages(jetstream.PullMaxBytes(max(readAhead, 2*int(r.js.Conn().MaxPayload()))))
	if err != nil {
		return err //nolint:wrapcheck // read wraps it
	}
	r.consumer, r.messages, r.stop = consumer, messages, context.AfterFunc(ctx, messages.Stop)
	r.pending = consumer.CachedInfo().NumPending
	return nil
}

// next returns io.EOF behind the last one.
func (r *reader) next(ctx context.Context) (message, error) {
	for r.silence, r.patience = 0, firstPatience; ; r.silence += glance {
		if err := r.goOn(ctx); err != nil {
			return message{}, err
		}
		msg, err := r.messages.Next(jetstream.NextMaxWait(glance))
		if errors.Is(err, nats.ErrTimeout) {
			continue
		}
		if err != nil {
			return message{}, errors.Join(context.Cause(ctx), err)
		}
		about, err := msg.Metadata()
		if err != nil {
			return message{}, err //nolint:wrapcheck // read wraps it
		}
		if about.Sequence.Stream > r.upTo {
			return message{}, io.EOF
		}
		r.last, r.pending = about.Sequence.Stream, about.NumPending
		return message{msg.Subject(), r.last, about.Timestamp.UTC(), msg.Headers(), msg.Data()}, nil
	}
}

// goOn returns io.EOF when there is nothing left, as far as there is a reason to think so.
func (r *reader) goOn(ctx context.Context) error {
	if r.pending > 0 && r.silence == 0 {
		return nil
	}
	left, err := r.ask(ctx)
	switch {
	case err != nil:
		return err
	case left == 0:
		return io.EOF
	case r.silence >= longestSilence:
		return fmt.Errorf("the broker has sent nothing for %s, although message %d is there", longestSilence, left)
	case r.silence >= r.patience:
		r.patience *= 2
		return r.begin(ctx)
	}
	return nil
}

// ask returns the sequence of a message that is left, zero when there is none: what was still to come may have been deleted, and a consumer's
// own number may be stale.
func (r *reader) ask(ctx context.Context) (left uint64, err error) {
	if r.last >= r.upTo {
		return 0, nil
	}
	for _, subject := range r.subjects {
		found, err := r.get(ctx, which{Sequence: r.last + 1, Subject: subject})
		switch {
		case err == nil && found.sequence <= r.upTo:
			return found.sequence, nil
		case err != nil && !errors.Is(err, jetstream.ErrMsgNotFound):
			return 0, errors.Join(context.Cause(ctx), err)
		}
	}
	return 0, nil
}

// close removes the consumer, which would otherwise go by itself after five minutes.
func (r *reader) close(ctx context.Context) {
	if r.consumer == nil {
		return
	}
	r.stop()
	r.messages.Stop()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerTime)
	defer cancel()
	if r.js.Conn().IsConnected() {
		_ = r.stream.DeleteConsumer(ctx, r.consumer.CachedInfo().Name) // see above
	}
	r.consumer = nil
}
