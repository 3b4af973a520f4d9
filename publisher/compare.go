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

const idsSQL = `SELECT position, id FROM contrail.events WHERE position > $1 AND position <= $2 ORDER BY position`

// compare reads the messages behind the cursor back and compares them with the store, one by one: usually those of a few batches, and the
// whole stream when the cursor was lost. A foreign message that took the place of one of ours in mid-batch shows here and nowhere else, since
// those behind it stand at the sequences that they were meant for.
func (l *lead) compare(ctx context.Context, recorded, there cursor) error {
	rows, err := l.conn.Query(ctx, idsSQL, int64(recorded.position), int64(there.position))
	if err != nil {
		return fmt.Errorf("compare with the stream: %w", err)
	}
	defer rows.Close()
	err = l.eachMessage(ctx, recorded.sequence+1, there.sequence, func(sequence uint64, message wire.Message, skipped bool) error {
		position, id, err := nextEvent(rows)
		for skipped && err == nil && id != uuid.Nil && position < message.Position { // gone from the stream, which is for verify to tell
			position, id, err = nextEvent(rows)
		}
		if err == nil && (position != message.Position || id != message.ID) {
			err = foreignWriter(l.config.Stream, sequence)
		}
		return err
	})
	if err == nil && rows.Next() {
		err = foreignWriter(l.config.Stream, there.sequence)
	}
	return errors.Join(err, rows.Err())
}

// nextEvent returns zeros behind the last one, which are no event's.
func nextEvent(rows pgx.Rows) (position contrail.Position, id uuid.UUID, err error) {
	if !rows.Next() {
		return 0, uuid.Nil, rows.Err() //nolint:wrapcheck // compare is told
	}
	var at int64
	err = rows.Scan(&at, &id)
	return contrail.Position(at), id, err
}

// eachMessage calls see with every message from one sequence to another. skipped tells that the
// stream does not have the one before.
func (l *lead) eachMessage(ctx context.Context, from, to uint64, see func(sequence uint64, message wire.Message, skipped bool) error) error {
	consumer, err := l.js.OrderedConsumer(ctx, l.config.Stream, jetstream.OrderedConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: from,
	})
	if err != nil {
		return fmt.Errorf("read stream %s: %w", l.config.Stream, err)
	}
	messages, err := consumer.Messages()
	if err != nil {
		return fmt.Errorf("read stream %s: %w", l.config.Stream, err)
	}
	defer messages.Stop()
	defer context.AfterFunc(ctx, messages.Stop)()
	for sequence := from; sequence <= to; sequence++ {
		msg, err := messages.Next(jetstream.NextMaxWait(l.config.AckTimeout))
		if err != nil {
			return fmt.Errorf("read stream %s: %w", l.config.Stream, errors.Join(context.Cause(ctx), err))
		}
		metadata, err := msg.Metadata()
		if err != nil {
			return fmt.Errorf("read stream %s: %w", l.config.Stream, err)
		}
		skipped := metadata.Sequence.Stream > sequence
		sequence = metadata.Sequence.Stream
		message, err := wire.Decode(msg.Data())
		if err != nil || !wire.IsFrom(message.Source, l.store) {
			return foreignWriter(l.config.Stream, sequence)
		}
		if err := see(sequence, message, skipped); err != nil {
			return err
		}
	}
	return nil
}
