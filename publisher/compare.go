package publisher

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/wire"
)

// expectedSQL tells which events should follow in the stream, and which of them were left out. It walks two primary keys.
const expectedSQL = `SELECT e.position, e.id, p.position IS NOT NULL,
	coalesce(p.state = 'published' AND p.sequence IS NULL, false) FROM contrail.events e
	LEFT JOIN contrail.parked p ON p.relay = $1 AND p.position = e.position
	WHERE e.position > $2 ORDER BY e.position LIMIT $3`

// leftBehindSQL tells whether an event is one that the relay has left out and not published since, by two primary keys.
const leftBehindSQL = `SELECT p.position FROM contrail.parked p JOIN contrail.events e ON e.position = p.position
	WHERE p.relay = $1 AND p.position = $2 AND p.state <> 'published' AND e.id = $3::uuid`

// compare reads the messages behind the cursor back and compares them with the store, one by one: usually those of a few batches, and the
// whole stream when the cursor was lost. It returns the position of the last event that stands in its order. A foreign message that took the
// place of one of ours in mid-batch shows here and nowhere else, since those behind it stand at the sequences that they were meant for.
func (o *owned) compare(ctx context.Context, l *lead, recorded cursor, lastSequence uint64) (contrail.Position, error) {
	c := newReadback(l, recorded)
	err := o.eachMessage(ctx, l, recorded.sequence+1, "", func(one messageBack) (bool, error) {
		if !one.ours {
			return false, foreignWriter(l.config.Stream, one.sequence)
		}
		return one.sequence < lastSequence, c.see(ctx, one)
	})
	if err == nil {
		err = c.close(ctx)
	}
	return c.at, err
}

// readback is what a comparison has come to know.
type readback struct {
	*lead

	from     contrail.Position // the cursor's
	expected expected
	at       contrail.Position // of the last event in its order
	skipped  bool              // the stream lacks messages behind that one

	positions []contrail.Position // found in the stream although, or because, they were left out
	sequences []*int64            // of these; nil: in its order
	over      []contrail.Position // passed over by somebody who did not know that they were to come in their order
	marked    []contrail.Position // not yet looked up
	ids       []uuid.UUID
}

// chunk is how much is read, looked up and written down at once.
const chunk = 5000

func newReadback(l *lead, recorded cursor) *readback {
	return &readback{
		lead: l, from: recorded.position, at: recorded.position, expected: expected{ledger: l.ledger, after: recorded.position},
	}
}

func (c *readback) see(ctx context.Context, one messageBack) error {
	c.skipped = c.skipped || one.skipped
	if one.message.Resent != "" {
		sequence := int64(one.sequence) //nolint:gosec // 2⁶³ messages
		c.marked, c.ids = append(c.marked, one.message.Position), append(c.ids, one.message.ID)
		return c.note(ctx, one.message.Position, &sequence)
	}
	if one.message.Position <= c.from {
		return c.seeBehind(ctx, one)
	}
	next, err := c.expected.next(ctx)
	// Whatever was left out may be passed over, and what is gone from the stream, which is for verify to tell.
	for err == nil && next.Position < one.message.Position && (next.LeftOut || c.skipped) && next.Position != 0 {
		if next.InOrder && !c.skipped {
			c.over = append(c.over, next.Position)
		}
		next, err = c.expected.next(ctx)
	}
	if err != nil {
		return err
	}
	if next.Position != one.message.Position || next.ID != one.message.ID {
		return foreignWriter(c.config.Stream, one.sequence)
	}
	c.at, c.skipped = next.Position, false
	if next.LeftOut && !next.InOrder { // by somebody who has lost the leadership since
		return c.note(ctx, next.Position, nil)
	}
	return nil
}

// seeBehind takes an event that the cursor has passed, since it was left out: somebody who has lost the leadership since has published it after all.
func (c *readback) seeBehind(ctx context.Context, one messageBack) error {
	left, err := c.isLeftBehind(ctx, one)
	if err == nil && !left {
		err = foreignWriter(c.config.Stream, one.sequence)
	}
	if err != nil {
		return err
	}
	return c.note(ctx, one.message.Position, nil)
}

func (c *readback) isLeftBehind(ctx context.Context, one messageBack) (bool, error) {
	found, err := query(ctx, c.ledger, reading{"compare with the stream", leftBehindSQL}, pgx.RowTo[contrail.Position],
		c.config.Stream, int64(one.message.Position), one.message.ID.String())
	return len(found) > 0, err
}

func (c *readback) note(ctx context.Context, position contrail.Position, sequence *int64) error {
	c.positions, c.sequences = append(c.positions, position), append(c.sequences, sequence)
	if len(c.positions) < chunk {
		return nil
	}
	return c.close(ctx)
}

// close looks up what stands out of order, and writes down what was found.
func (c *readback) close(ctx context.Context) error {
	unknown, err := c.ledger.unknown(ctx, c.marked, c.ids)
	if err == nil && unknown != 0 {
		err = streamAhead(c.config.Stream, fmt.Sprintf("it has an event at position %d", unknown))
	}
	if err == nil {
		err = c.ledger.savePassedOver(ctx, c.over)
	}
	if err == nil {
		err = c.ledger.saveFound(ctx, c.positions, c.sequences)
	}
	c.over, c.positions, c.sequences, c.marked, c.ids = nil, nil, nil, nil, nil
	return err
}

// expected walks the store's events in pages, each a statement of its own: it does not hold a snapshot while the broker is slow, and the database
// hears from the relay in between.
type expected struct {
	ledger ledger
	after  contrail.Position
	page   []expectedEvent
}

type expectedEvent struct {
	Position contrail.Position
	ID       uuid.UUID
	LeftOut  bool // at some time
	InOrder  bool // but is to come, or has come, in its order after all
}

// next returns the next event; zeros behind the last one, which are no event's.
func (e *expected) next(ctx context.Context) (expectedEvent, error) {
	if len(e.page) == 0 {
		page, err := query(ctx, e.ledger, reading{"compare with the stream", expectedSQL}, pgx.RowToStructByPos[expectedEvent],
			e.ledger.stream, int64(e.after), chunk)
		if err != nil || len(page) == 0 {
			return expectedEvent{}, err
		}
		e.page, e.after = page, page[len(page)-1].Position
	}
	next := e.page[0]
	e.page = e.page[1:]
	return next, nil
}

// messageBack is a message of the stream.
type messageBack struct {
	sequence uint64
	skipped  bool // the stream does not have the one before
	ours     bool
	message  wire.Message
}

// eachMessage calls see with every message from a sequence on, of the subjects of a filter, until it says that it has seen enough.
func (s *stream) eachMessage(
	ctx context.Context, l *lead, from uint64, filter string, see func(messageBack) (more bool, err error),
) error {
	wrap := func(err error) error { return fmt.Errorf("read stream %s: %w", l.config.Stream, err) }
	config := jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: from}
	if filter != "" {
		config.FilterSubjects = []string{filter}
	}
	opening, cancel := context.WithTimeout(ctx, l.config.AckTimeout) // the session is tried again, and the database must hear from it
	defer cancel()
	consumer, err := s.js.OrderedConsumer(opening, l.config.Stream, config)
	if err != nil {
		return wrap(err)
	}
	pending := consumer.CachedInfo().NumPending
	messages, err := consumer.Messages()
	if err != nil {
		return wrap(err)
	}
	defer messages.Stop()
	defer context.AfterFunc(ctx, messages.Stop)()
	more := pending > 0
	for expected := from; more && pending > 0; pending-- {
		msg, err := messages.Next(jetstream.NextMaxWait(l.config.AckTimeout))
		if err != nil {
			return wrap(errors.Join(context.Cause(ctx), err))
		}
		metadata, err := msg.Metadata()
		if err != nil {
			return wrap(err)
		}
		one := messageBack{sequence: metadata.Sequence.Stream, skipped: metadata.Sequence.Stream > expected}
		message, err := wire.DecodeMessage(msg.Headers(), msg.Data())
		one.ours, one.message = err == nil && wire.IsFrom(message.Source, l.store), message
		if more, err = see(one); err != nil {
			return err
		}
		expected = one.sequence + 1
	}
	return nil
}
