package subscribers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// farOff is how far off a retry is of which the next owner of a partition is told: until then the later events of its stream wait, and no others. For
// one that is nearer all of the partition's events wait.
const farOff = 5 * time.Second

// retries are those of a partition that are far off. They stand in the members' bucket while the event is back with the broker.
type retries struct {
	*registry

	partition int
	valid     func() bool     // whether the member has held the partition under its lease ever since it took it over
	ctx       context.Context //nolint:containedctx // a message's methods have none
	log       *slog.Logger

	mu    sync.Mutex
	noted map[uint64]struct{} // by sequence
}

// put writes down that an event is sent back for long, before it is.
func (r *retries) put(sequence uint64, delay time.Duration) {
	r.mu.Lock()
	r.noted[sequence] = struct{}{}
	r.mu.Unlock()
	r.write(func(ctx context.Context) error {
		return r.note(ctx, retryAt{partition: r.partition, sequence: sequence, due: time.Now().Add(delay)})
	})
}

// drop deletes what was written of an event, before it is answered: who reads it takes the event for unanswered.
func (r *retries) drop(sequence uint64) {
	r.mu.Lock()
	_, noted := r.noted[sequence]
	delete(r.noted, sequence)
	r.mu.Unlock()
	if noted {
		r.write(func(ctx context.Context) error {
			return r.forget(ctx, retryAt{partition: r.partition, sequence: sequence})
		})
	}
}

func (r *retries) write(write func(context.Context) error) {
	ctx, cancel := context.WithTimeout(r.ctx, lastWrite)
	defer cancel()
	if err := write(ctx); err != nil {
		r.log.WarnContext(ctx, "the next owner of a partition may not know of a retry that is far off", slog.Any("error", err))
	}
}

// inherit has the scheduler expect the events that former owners have sent back for long. It may be called again after an error.
func (r *retries) inherit(ctx context.Context, hand *takeover, inherited []retryAt) error {
	for _, retry := range inherited {
		d, err := hand.fetch(ctx, hand.from, retry.sequence)
		if err != nil {
			return err
		}
		r.mu.Lock()
		r.noted[retry.sequence] = struct{}{}
		r.mu.Unlock()
		if d == nil || time.Since(retry.due) > hand.config.AckWait*4/3 {
			r.drop(retry.sequence) //nolint:contextcheck // it is settled, or comes like any other; and ctx may end any time
			continue
		}
		hand.scheduler.expect(d, max(time.Until(retry.due), 0))
		hand.expect(retry.sequence)
	}
	return nil
}

// fetch reads an event of a feed that was not delivered; nil: it is gone.
func (s *session) fetch(ctx context.Context, from *feed, sequence uint64) (*delivery, error) {
	stream, err := s.js.Stream(ctx, from.stream)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, nil //nolint:nilnil // none, and no fault
	}
	if err != nil {
		return nil, fmt.Errorf("look up stream %s: %w", from.stream, err)
	}
	raw, err := stream.GetMsg(ctx, sequence)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, nil //nolint:nilnil // none, and no fault
	}
	if err != nil {
		return nil, fmt.Errorf("read message %d of stream %s: %w", sequence, from.stream, err)
	}
	d, err := newDelivery(from, storedMsg{raw: raw, stream: from.stream})
	if err != nil {
		return nil, err
	}
	d.form = s.formOf(d.eventType)
	return d, nil
}

// storedMsg is a message as it stands in its stream: there is nothing to answer.
type storedMsg struct {
	jetstream.Msg

	raw    *jetstream.RawStreamMsg
	stream string
}

func (m storedMsg) Metadata() (*jetstream.MsgMetadata, error) {
	return &jetstream.MsgMetadata{Stream: m.stream, Sequence: jetstream.SequencePair{Stream: m.raw.Sequence}, Timestamp: m.raw.Time}, nil
}

func (m storedMsg) Headers() nats.Header { return m.raw.Header }
func (m storedMsg) Subject() string      { return m.raw.Subject }
func (m storedMsg) Data() []byte         { return m.raw.Data }

// partitionMsg is a delivery of a partition's event. When the member's lease has run out, be it that it has got another, it keeps nothing
// alive, and gives back what it has.
type partitionMsg struct {
	jetstream.Msg

	retries  *retries
	sequence uint64
}

// InProgress says nothing without a lease: the event is delivered to the partition's next owner.
func (m partitionMsg) InProgress() error {
	if !m.retries.valid() {
		return nil
	}
	return m.Msg.InProgress() //nolint:wrapcheck // it is a message
}

// NakWithDelay puts off nothing without a lease: it is for the partition's next owner to decide.
func (m partitionMsg) NakWithDelay(delay time.Duration) error {
	switch {
	case !m.retries.valid():
		return m.Nak()
	case delay > farOff:
		m.retries.put(m.sequence, delay)
	default:
		m.retries.drop(m.sequence)
	}
	return m.Msg.NakWithDelay(delay) //nolint:wrapcheck // it is a message
}

// Nak gives the event back at once.
func (m partitionMsg) Nak() error {
	m.retries.drop(m.sequence)
	return m.Msg.Nak() //nolint:wrapcheck // it is a message
}

// Ack acknowledges the event.
func (m partitionMsg) Ack() error {
	m.retries.drop(m.sequence)
	return m.Msg.Ack() //nolint:wrapcheck // it is a message
}

// TermWithReason ends the event's deliveries.
func (m partitionMsg) TermWithReason(reason string) error {
	m.retries.drop(m.sequence)
	return m.Msg.TermWithReason(reason) //nolint:wrapcheck // it is a message
}
