package publisher

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail/internal/wire"
)

// verdict is what the relay does with what it found.
type verdict int

const (
	goOn    verdict = iota // after the event in resumption.at
	resend                 // likewise, and the events after it had been acknowledged once: the broker lost its tail
	compare                // likewise, once every message between the cursor and there is the event that belongs there
)

type resumption struct {
	verdict verdict
	at      cursor
}

// decide is the table of the design: what the cursor recorded against what the broker has. lastSequence is the stream's, last its last
// message.
func decide(stream string, recorded cursor, lastSequence uint64, last lastMessage) (resumption, error) {
	there := cursor{last.message.Position, lastSequence}
	switch {
	case last.ours && lastSequence < recorded.sequence:
		return resumption{resend, there}, nil
	case last.ours && lastSequence > recorded.sequence:
		return resumption{compare, there}, nil
	case last.ours:
		return resumption{goOn, there}, nil
	case lastSequence == recorded.sequence && !last.found, recorded == cursor{} && !last.found: // nothing is there yet
		return resumption{goOn, cursor{recorded.position, lastSequence}}, nil
	case lastSequence > recorded.sequence && last.found:
		return resumption{}, foreignWriter(stream, lastSequence)
	case lastSequence == recorded.sequence:
		return resumption{}, notOurs(stream, fmt.Sprintf("has a message %d that this store did not write", lastSequence))
	}
	return resumption{}, notOurs(stream, fmt.Sprintf("has %d, had %d", lastSequence, recorded.sequence))
}

func foreignWriter(stream string, sequence uint64) error {
	return &StreamError{
		Stream: stream, Reason: fmt.Sprintf("has another writer: message %d is not the one that this store would have written", sequence),
		Err: ErrForeignWriter, Hint: "give each store a stream of its own (Config.Stream and Config.Prefix)",
	}
}

// resume finds out where to go on, and writes it down before anything is published. It ends with ctx, even in the middle of a query:
// nothing is on its way yet.
func (l *lead) resume(ctx context.Context) (cursor, error) {
	recorded, err := l.ledger.read(ctx)
	if err != nil {
		return cursor{}, err
	}
	state, last, err := l.askBroker(ctx, recorded)
	if err != nil {
		return cursor{}, err
	}
	found, err := decide(l.config.Stream, recorded, state.LastSeq, last)
	if err == nil && last.ours {
		err = l.recognise(ctx, last.message)
	}
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
	case compare:
		return l.compare(ctx, recorded, found.at)
	}
	return fmt.Errorf("unknown verdict %d", found.verdict)
}

// recognise looks the stream's last event up. Events are never deleted: one that the store does not have comes from a later time than the
// store's own.
func (l *lead) recognise(ctx context.Context, last wire.Message) error {
	known, err := l.ledger.knows(ctx, last.Position, last.ID)
	if err != nil || known {
		return err
	}
	return &StreamError{
		Stream: l.config.Stream, Err: ErrStreamAhead,
		Reason: fmt.Sprintf("is ahead of the store: it ends with event %s at position %d, which the store does not have", last.ID, last.Position),
		Hint:   "the database was set back, by a restore or a failover; bring back one that has this event, or relay into a new stream (Config.Stream)",
	}
}
