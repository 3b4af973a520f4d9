package publisher

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/wire"
)

// verdict is what the relay does with what it found.
type verdict int

const (
	goOn       verdict = iota // after the event in resumption.at
	resend                    // likewise, and the events after it had been acknowledged once: the broker lost its tail
	checkCount                // likewise, once the count of events between the cursor and there is what the sequences say
)

type resumption struct {
	verdict verdict
	at      cursor
}

// decide is the table of the design: what the cursor recorded against what the broker has. lastSequence is the stream's, last its last
// message, and newest the last position that the store has drawn.
func decide(stream string, recorded cursor, lastSequence uint64, last lastMessage, newest contrail.Position) (resumption, error) {
	there := cursor{last.message.Position, lastSequence}
	switch {
	case last.ours && there.position > newest:
		return resumption{}, &StreamError{
			Stream: stream, Err: ErrStreamAhead,
			Reason: fmt.Sprintf("is ahead of the store: it ends with position %d, the store with %d", there.position, newest),
			Hint:   "the database was restored from an older backup; restore one that holds these events",
		}
	case last.ours && lastSequence < recorded.sequence:
		return resumption{resend, there}, nil
	case last.ours && lastSequence > recorded.sequence && recorded.sequence > 0:
		return resumption{checkCount, there}, nil
	case last.ours:
		return resumption{goOn, there}, nil
	case lastSequence == recorded.sequence && !last.found: // nothing yet, or all of it has aged out
		return resumption{goOn, recorded}, nil
	case lastSequence > recorded.sequence && last.found:
		return resumption{}, foreignWriter(stream, fmt.Sprintf("message %d is not from this store", lastSequence))
	}
	return resumption{}, notOurs(stream, fmt.Sprintf("has %d, had %d", lastSequence, recorded.sequence))
}

func foreignWriter(stream, what string) error {
	return &StreamError{
		Stream: stream, Reason: "has another writer: " + what, Err: ErrForeignWriter,
		Hint: "give each store a stream of its own (Config.Stream and Config.Prefix)",
	}
}

// resume finds out where to go on, and writes it down before anything is published. It ends with ctx, even in the middle of a query:
// nothing is on its way yet.
func (l *lead) resume(ctx context.Context) (cursor, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	recorded, err := l.ledger.read(ctx)
	if err != nil {
		return cursor{}, err
	}
	state, last, err := l.askBroker(ctx, recorded)
	if err != nil {
		return cursor{}, err
	}
	newest, err := l.newest(ctx)
	if err != nil {
		return cursor{}, err
	}
	found, err := decide(l.config.Stream, recorded, state.LastSeq, last, newest)
	if err == nil {
		err = l.confirm(ctx, recorded, found)
	}
	if err == nil {
		err = l.ledger.save(ctx, found.at)
	}
	return found.at, err
}

func (l *lead) askBroker(ctx context.Context, recorded cursor) (state jetstream.StreamState, last lastMessage, err error) {
	ctx, cancel := context.WithTimeout(ctx, l.config.AckTimeout)
	defer cancel()
	if state, err = openStream(ctx, l.js, l.config, recorded); err != nil {
		return state, last, err
	}
	last, err = readLast(ctx, l.js, l.config.Stream, state, func(source string) bool { return wire.IsFrom(source, l.store) })
	return state, last, err
}

// confirm carries out what the verdict says about the events between the cursor and the stream's end.
func (l *lead) confirm(ctx context.Context, recorded cursor, found resumption) error {
	switch found.verdict {
	case goOn:
		return nil
	case resend:
		lost := recorded.sequence - found.at.sequence
		l.config.Logger.WarnContext(ctx, "the broker lost acknowledged events: sending them again",
			slogStream(l.config.Stream), slogCount("lost", lost), slogPosition(found.at.position))
		return l.ledger.addLost(ctx, lost)
	case checkCount:
		events, err := l.ledger.count(ctx, recorded.position, found.at.position)
		if messages := found.at.sequence - recorded.sequence; err == nil && events != messages {
			return foreignWriter(l.config.Stream, fmt.Sprintf("it holds %d messages after sequence %d where the store has %d events",
				messages, recorded.sequence, events))
		}
		return err
	}
	return fmt.Errorf("unknown verdict %d", found.verdict)
}

func (l *lead) newest(ctx context.Context) (contrail.Position, error) {
	var newest int64
	if err := l.conn.QueryRow(ctx, `SELECT contrail.last_position()`).Scan(&newest); err != nil {
		return 0, fmt.Errorf("read the last position: %w", err)
	}
	return contrail.Position(newest), nil
}
