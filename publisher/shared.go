package publisher

import (
	"context"
	"fmt"
	"sync"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// lostOnTheWaySQL asks for events that were lost on their way, by the primary key of the events.
const lostOnTheWaySQL = `INSERT INTO contrail.parked AS p (relay, position, stream, state, reason, changed_by)
	SELECT $1, e.position, e.stream, 'requeued', 'lost', $4 FROM contrail.events e WHERE e.position BETWEEN $2 AND $3
	ON CONFLICT (relay, position) DO UPDATE SET state = 'requeued', sequence = NULL, changed_by = excluded.changed_by, changed_at = now()
	WHERE p.state = 'published' AND p.sequence IS NULL`

// shared is a stream that others write to as well.
type shared struct{ stream }

// resume reads back what the relay has published since the cursor. What is behind the cursor, before the last of these, and not there was lost on
// its way: it is written down to be published again, out of its order.
func (s *shared) resume(ctx context.Context, l *lead, recorded cursor) (cursor, error) {
	state, _, err := s.ask(ctx, l, recorded)
	if err == nil {
		err = s.barrier(ctx, l)
	}
	if err == nil {
		state, _, err = s.ask(ctx, l, recorded)
	}
	if err != nil {
		return cursor{}, err
	}
	if state.LastSeq < recorded.sequence {
		if recorded, err = s.findTail(ctx, l, state, recorded); err != nil {
			return cursor{}, err
		}
	}
	back := &sharedReadback{readback: *newReadback(l, recorded)}
	if state.LastSeq > recorded.sequence {
		err = s.eachMessage(ctx, l, recorded.sequence+1, s.subjects.Filter(), func(one messageBack) (bool, error) { return true, back.see(ctx, one) })
	}
	if err == nil {
		err = back.close(ctx)
	}
	at := cursor{back.at, state.LastSeq}
	if err == nil {
		err = l.ledger.save(ctx, at)
	}
	return at, err
}

// watch ends a session that has lost its connection, too: the broker may have lost its tail with it, and here no fence tells.
func (s *shared) watch(ctx context.Context, l *lead, at cursor) (context.Context, func()) {
	ctx, done := s.stream.watch(ctx, l, at)
	ctx, cancel := context.WithCancelCause(ctx)
	conn := s.js.Conn()
	lost := conn.StatusChanged(nats.RECONNECTING, nats.DISCONNECTED)
	var watching sync.WaitGroup
	watching.Go(func() {
		select {
		case <-lost:
			cancel(errTouched)
		case <-ctx.Done():
		}
	})
	return ctx, func() {
		cancel(nil)
		watching.Wait()
		conn.RemoveStatusListener(lost)
		done()
	}
}

// findTail goes back to the last event of ours in a stream that is shorter than it was.
func (s *shared) findTail(ctx context.Context, l *lead, state jetstream.StreamState, recorded cursor) (cursor, error) {
	limited, cancel := context.WithTimeout(ctx, l.config.AckTimeout)
	defer cancel()
	last, err := readOne(limited, s.js, l.config.Stream, l.store, map[string]any{"last_by_subj": s.subjects.Filter()})
	if err != nil {
		return cursor{}, err
	}
	if !last.ours {
		return cursor{}, notOurs(l.config.Stream, "has no event of this store's any more")
	}
	if err := l.recognise(ctx, last.message); err != nil {
		return cursor{}, err
	}
	there := cursor{min(last.place(), recorded.position), state.LastSeq}
	lost := recorded.sequence - state.LastSeq
	l.config.Logger.WarnContext(ctx, "the broker lost acknowledged messages: sending events again",
		slogStream(l.config.Stream), slogCount("lost", lost), slogPosition(there.position))
	if err := l.ledger.addLost(ctx, lost); err != nil {
		return cursor{}, err
	}
	return there, l.ledger.saveLost(ctx, there)
}

// sharedReadback is what is known of the relay's own messages among all others.
type sharedReadback struct {
	readback

	missing ranges
}

func (c *sharedReadback) see(ctx context.Context, one messageBack) error {
	switch {
	case !one.ours:
		return nil
	case one.message.Resent != "":
		c.missing.remove(one.message.Position)
		return c.readback.see(ctx, one)
	case one.message.Position <= c.from: // there twice, or left out by the relay and published by one that has lost the leadership since
		left, err := c.isLeftBehind(ctx, one)
		if err != nil || !left {
			return err
		}
		return c.note(ctx, one.message.Position, nil)
	case one.message.Position <= c.at: // behind a later one, or there twice
		c.missing.remove(one.message.Position)
		return nil
	}
	next, err := c.expected.next(ctx)
	for err == nil && next.Position != 0 && next.Position < one.message.Position {
		if next.LeftOut && !next.InOrder {
			c.missing.close()
		} else {
			c.missing.add(next.Position, isMissing)
		}
		next, err = c.expected.next(ctx)
	}
	if err != nil {
		return err
	}
	c.missing.close()
	if next.Position != one.message.Position || next.ID != one.message.ID {
		return streamAhead(c.config.Stream, fmt.Sprintf("it has event %s at position %d", one.message.ID, one.message.Position))
	}
	c.at = next.Position
	if next.LeftOut && !next.InOrder {
		return c.note(ctx, next.Position, nil)
	}
	return nil
}

// close asks for what is missing, too.
func (c *sharedReadback) close(ctx context.Context) error {
	if err := c.readback.close(ctx); err != nil {
		return err
	}
	for _, run := range c.missing.runs {
		if err := c.ledger.exec(ctx, "write down what is missing", lostOnTheWaySQL, c.config.Stream, int64(run.from), int64(run.to), c.config.Identity); err != nil {
			return err
		}
	}
	return nil
}
