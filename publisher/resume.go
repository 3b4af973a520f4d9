package publisher

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail"
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
// message. A last message that stands out of its order says behind which event of the order it does. Where the stream ends as recorded the cursor may be
// ahead of it: what is left out moves the one and not the other.
func decide(stream string, recorded cursor, lastSequence uint64, last lastMessage) (resumption, error) {
	there := cursor{last.place(), lastSequence}
	switch {
	case last.ours && lastSequence < recorded.sequence:
		return resumption{resend, there}, nil
	case last.ours && lastSequence > recorded.sequence:
		return resumption{compare, there}, nil
	case last.ours:
		return resumption{goOn, cursor{max(recorded.position, there.position), lastSequence}}, nil
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

// owned is a stream that the relay alone writes to.
type owned struct{ stream }

// resume finds out where to go on, and writes it down before anything is published. It ends with ctx, even in the middle of a query:
// nothing is on its way yet.
func (o *owned) resume(ctx context.Context, l *lead, recorded cursor) (cursor, error) {
	state, last, err := o.ask(ctx, l, recorded)
	if err != nil {
		return cursor{}, err
	}
	found, err := decide(l.config.Stream, recorded, state.LastSeq, last)
	if err == nil && last.ours {
		err = l.recognise(ctx, last.message)
	}
	if err == nil {
		found.at, err = o.confirm(ctx, l, recorded, found)
	}
	if err == nil {
		err = l.ledger.save(ctx, found.at)
	}
	return found.at, err
}

func (s *stream) ask(ctx context.Context, l *lead, recorded cursor) (state jetstream.StreamState, last lastMessage, err error) {
	ctx, cancel := context.WithTimeout(ctx, l.config.AckTimeout)
	defer cancel()
	if state, err = openStream(ctx, s.js, l.config, recorded); err != nil {
		return state, last, err
	}
	last, err = readLast(ctx, s.js, l.config.Stream, state, l.store)
	return state, last, err
}

// confirm carries out what the verdict says about the events between the cursor and the stream's end, and returns where to go on.
func (o *owned) confirm(ctx context.Context, l *lead, recorded cursor, found resumption) (cursor, error) {
	switch found.verdict {
	case goOn:
		return found.at, nil
	case resend:
		lost := recorded.sequence - found.at.sequence
		l.config.Logger.WarnContext(ctx, "the broker lost acknowledged events: sending them again",
			slogStream(l.config.Stream), slogCount("lost", lost), slogPosition(found.at.position))
		return found.at, errors.Join(l.ledger.addLost(ctx, lost), l.ledger.saveLost(ctx, found.at))
	case compare:
		position, err := o.compare(ctx, l, recorded, found.at.sequence)
		return cursor{position, found.at.sequence}, err
	}
	return cursor{}, fmt.Errorf("unknown verdict %d", found.verdict)
}

// recognise looks the stream's last event up. Events are never deleted: one that the store does not have comes from a later time than the
// store's own.
func (l *lead) recognise(ctx context.Context, last wire.Message) error {
	unknown, err := l.ledger.unknown(ctx, []contrail.Position{last.Position}, []uuid.UUID{last.ID})
	if err != nil || unknown == 0 {
		return err
	}
	return streamAhead(l.config.Stream, fmt.Sprintf("it ends with event %s at position %d", last.ID, last.Position))
}

func streamAhead(stream, how string) error {
	return &StreamError{
		Stream: stream, Err: ErrStreamAhead, Reason: "is ahead of the store: " + how + ", which the store does not have",
		Hint: "the database was set back, by a restore or a failover; bring back one that has this event, or relay into a new stream (Config.Stream)",
	}
}
