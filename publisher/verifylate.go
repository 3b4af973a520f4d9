package publisher

import (
	"cmp"
	"context"
	"slices"

	"github.com/google/uuid"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/wire"
)

// Late messages wait until so many, or so many bytes of them, can be looked up at once.
const (
	lateAtOnce      = 500
	lateBytesAtOnce = 4 << 20
)

// lateMessage is what is kept of a message at a position that the store has been read beyond.
type lateMessage struct {
	position contrail.Position
	id       uuid.UUID
	content  content
	behind   bool // one with a higher position, and it is not marked as resent
}

// lateMessages wait to be looked up.
type lateMessages struct {
	messages []lateMessage
	bytes    int
}

func (l *lateMessages) add(message wire.Message, size int, behind bool) {
	l.messages = append(l.messages, lateMessage{message.Position, message.ID, contentOf(message.Recorded), behind})
	l.bytes += size
}

func (l *lateMessages) full() bool {
	return len(l.messages) >= lateAtOnce || l.bytes >= lateBytesAtOnce
}

func (l *lateMessages) positions() []contrail.Position {
	positions := make([]contrail.Position, 0, len(l.messages))
	for _, message := range l.messages {
		positions = append(positions, message.position)
	}
	slices.Sort(positions)
	return slices.Compact(positions)
}

// settleLate compares the late messages, in the order in which they came, and says what each is: one that fills a hole, or a duplicate.
func (c *comparison) settleLate(ctx context.Context) error {
	if len(c.late.messages) == 0 {
		return nil
	}
	events, err := eventstore.At(ctx, c.conn, c.late.positions()...)
	if err != nil {
		return err
	}
	for _, message := range c.late.messages {
		i, found := slices.BinarySearchFunc(events, message.position, func(event contrail.Recorded, position contrail.Position) int {
			return cmp.Compare(event.Position, position)
		})
		if !found || events[i].ID != message.id {
			c.unknown()
			continue
		}
		if contentOf(events[i]) != message.content {
			note(&c.report.Altered, &c.report.AlteredTotal, message.position)
		}
		c.place(message)
	}
	c.late.messages, c.late.bytes = c.late.messages[:0], 0
	return nil
}

// place finds the place of a late message in what is absent.
func (c *comparison) place(message lateMessage) {
	if message.position > c.horizon { // it only has to be known
		return
	}
	why, found := c.absent.remove(message.position)
	if !found {
		note(&c.report.Duplicates, &c.report.DuplicatesTotal, message.position)
		return
	}
	c.counts[why]--
	c.report.Published++
	if message.behind {
		c.report.OutOfOrder++
	}
}
