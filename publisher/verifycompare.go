package publisher

import (
	"bytes"
	"context"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/wire"
)

// comparison walks the store and the stream side by side. Every event of the store at or below passed has been met in the stream or is in
// absent; what the stream shows of these is late, and is looked up in the store later, many at a time.
type comparison struct {
	config VerifyConfig
	conn   *pgx.Conn
	store  uuid.UUID
	lost   int64 // contrail.relays.lost, when the comparison began; -1: no relay has ever published

	feed    *eventstore.Feed
	horizon contrail.Position
	ahead   []contrail.Recorded           // read from the store, and not yet compared
	excused map[contrail.Position]absence // of those ahead: left out on purpose
	passed  contrail.Position             // as far as the store has been compared

	lastSequence uint64            // of the stream, when the comparison began
	messages     uint64            // that the stream had then
	seen         uint64            // of these
	highest      contrail.Position // of all messages that are not marked as resent

	absent  ranges
	counts  [absences]int64
	late    lateMessages
	source  string // of the last message of ours
	scratch []byte
	report  Report
}

// see compares one message.
func (c *comparison) see(ctx context.Context, header map[string][]string, payload []byte) error {
	c.seen++
	if c.isNext(header, payload) {
		c.takeNext()
		return nil
	}
	message, err := wire.DecodeMessage(header, payload)
	if err != nil || !wire.IsFrom(message.Source, c.store) {
		c.report.Foreign++
		return nil //nolint:nilerr // foreign messages are counted, not raised
	}
	c.source = message.Source
	marked := message.Resent != ""
	if marked {
		c.report.Resent++
	}
	if message.Position > c.passed {
		return c.meet(ctx, message, payload)
	}
	c.late.add(message, len(payload), !marked && message.Position <= c.highest)
	if !marked {
		c.highest = max(c.highest, message.Position)
	}
	if c.late.full() {
		return c.settleLate(ctx)
	}
	return nil
}

// isNext is the fast path: it tells whether a message is, byte for byte, the one that the relay makes of the event in front.
func (c *comparison) isNext(header map[string][]string, payload []byte) bool {
	if len(c.ahead) == 0 {
		return false
	}
	for name := range header {
		if strings.EqualFold(name, wire.HeaderResent) || strings.EqualFold(name, wire.HeaderAfter) {
			return false
		}
	}
	c.scratch = wire.Append(c.scratch[:0], c.source, c.ahead[0])
	return bytes.Equal(c.scratch, payload)
}

// takeNext takes the event in front as met, in its order.
func (c *comparison) takeNext() {
	position := c.ahead[0].Position
	c.ahead, c.passed, c.highest = c.ahead[1:], position, position
	c.met(position)
}

// meet compares a message with the event at its position, which the store has not been read up to yet.
func (c *comparison) meet(ctx context.Context, message wire.Message, payload []byte) error {
	if err := c.advance(ctx, message.Position); err != nil {
		return err
	}
	if len(c.ahead) == 0 || c.ahead[0].Position != message.Position {
		c.unknown()
		return nil
	}
	event := c.ahead[0]
	c.ahead = c.ahead[1:]
	if event.ID != message.ID {
		c.unknown()
		c.miss(event.Position)
		return nil
	}
	if message.Resent == "" {
		c.highest = message.Position
	}
	c.met(message.Position)
	c.scratch = wire.Append(c.scratch[:0], message.Source, event)
	if !bytes.Equal(c.scratch, payload) && contentOf(event) != contentOf(message.Recorded) {
		note(&c.report.Altered, &c.report.AlteredTotal, message.Position)
	}
	return nil
}

// met counts an event that the stream has. One that is younger than this comparison only has to be known.
func (c *comparison) met(position contrail.Position) {
	c.absent.close()
	if position <= c.horizon {
		c.report.Events++
		c.report.Published++
	}
}

// unknown counts a message with a position or an id that the store does not have.
func (c *comparison) unknown() {
	c.report.Foreign++
	c.report.Unknown++
}

// finish lists the first of what is missing and gives the verdict.
func (c *comparison) finish(ctx context.Context) (Report, error) {
	report := c.report
	report.MissingTotal, report.Parked = c.counts[isMissing], c.counts[isParked]
	report.Requeued, report.Discarded = c.counts[isRequeued], c.counts[isDiscarded]
	var err error
	if report.Missing, err = c.listMissing(ctx); err != nil {
		return Report{}, err
	}
	for _, list := range []*[]contrail.Position{&report.Missing, &report.Duplicates, &report.Altered} {
		if *list == nil {
			*list = []contrail.Position{} // [] in JSON, not null
		}
	}
	report.OK = report.isFaultless(c.config.Shared)
	return report, nil
}
