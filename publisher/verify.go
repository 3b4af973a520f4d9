package publisher

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/wire"
)

// MaxListed is how many positions a [Report] lists of each kind; the totals count all of them.
const MaxListed = 1000

// Report says how a stream compares with its store.
type Report struct {
	Events     int64               `json:"events"`       // settled in the store when the comparison began
	Published  int64               `json:"published"`    // of these, in the stream
	Missing    []contrail.Position `json:"missing"`      // of these, not in the stream; the first MaxListed
	Duplicates []contrail.Position `json:"duplicates"`   // in the stream more than once; the first MaxListed
	OutOfOrder int64               `json:"out_of_order"` // messages that stand behind one with a higher position
	OK         bool                `json:"ok"`           // each event once, in order, and nothing else

	MissingTotal    int64 `json:"missing_total"`
	DuplicatesTotal int64 `json:"duplicates_total"`
	Foreign         int64 `json:"foreign"` // messages that are not events of this store
}

// Verify compares every settled event of the store with the stream, in position order and in bounded memory. It takes one connection of
// the pool and reads the stream through an ephemeral consumer. An event that is settled and not yet relayed counts as missing.
// Errors are those of the connections, and [*StreamError] for a stream that does not exist.
func Verify(ctx context.Context, pool *pgxpool.Pool, js jetstream.JetStream, stream string) (Report, error) {
	report, err := verify(ctx, pool, js, stream)
	if err != nil {
		return Report{}, fmt.Errorf("verify: %w", err)
	}
	return report, nil
}

func verify(ctx context.Context, pool *pgxpool.Pool, js jetstream.JetStream, stream string) (Report, error) {
	pooled, err := pool.Acquire(ctx)
	if err != nil {
		return Report{}, fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	defer pooled.Release()
	if err := eventstore.Check(ctx, pooled.Conn()); err != nil {
		return Report{}, err
	}
	horizon, err := eventstore.Horizon(ctx, pooled)
	if err != nil {
		return Report{}, err
	}
	var store uuid.UUID
	if err := pooled.QueryRow(ctx, `SELECT id FROM contrail.store`).Scan(&store); err != nil {
		return Report{}, fmt.Errorf("read the store's id: %w", err)
	}
	feed, err := eventstore.NewFeed(pooled.Conn(), eventstore.FeedConfig{})
	if err != nil {
		return Report{}, err
	}
	c := &comparison{feed: feed, horizon: horizon, store: store}
	if err := c.readStream(ctx, js, stream); err != nil {
		return Report{}, err
	}
	if err := c.advance(ctx, horizon+1); err != nil {
		return Report{}, err
	}
	return c.finish(ctx, pooled)
}

// longestSilence is how long the stream may send nothing while a comparison waits for it.
const longestSilence = 30 * time.Second

// comparison walks the store and the stream side by side.
type comparison struct {
	feed    *eventstore.Feed
	horizon contrail.Position
	store   uuid.UUID

	ahead   []contrail.Recorded // read from the store, and not yet compared
	highest contrail.Position   // the highest that the stream has shown
	missing ranges
	report  Report
}

// readStream compares every message that the stream holds now.
func (c *comparison) readStream(ctx context.Context, js jetstream.JetStream, name string) error {
	stream, err := js.Stream(ctx, name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return &StreamError{Stream: name, Err: ErrForeignStream, Reason: "does not exist", Hint: "start a relay, which creates it"}
	}
	if err != nil {
		return fmt.Errorf("open stream %s: %w", name, translateBroker(err))
	}
	state := stream.CachedInfo().State
	if state.Msgs == 0 {
		return nil
	}
	consumer, err := js.OrderedConsumer(ctx, name, jetstream.OrderedConsumerConfig{
		DeliverPolicy: jetstream.DeliverAllPolicy, InactiveThreshold: time.Minute,
	})
	if err != nil {
		return fmt.Errorf("read stream %s: %w", name, err)
	}
	messages, err := consumer.Messages(jetstream.PullMaxMessages(2000))
	if err != nil {
		return fmt.Errorf("read stream %s: %w", name, err)
	}
	defer messages.Stop()
	defer context.AfterFunc(ctx, messages.Stop)()
	return c.readMessages(ctx, messages, state.LastSeq)
}

func (c *comparison) readMessages(ctx context.Context, messages jetstream.MessagesContext, lastSequence uint64) error {
	for {
		msg, err := messages.Next(jetstream.NextMaxWait(longestSilence))
		if err != nil {
			return fmt.Errorf("read the stream: %w", errors.Join(context.Cause(ctx), err))
		}
		if err := c.compare(ctx, msg.Data()); err != nil {
			return err
		}
		metadata, err := msg.Metadata()
		if err != nil {
			return fmt.Errorf("read the stream: %w", err)
		}
		if metadata.Sequence.Stream >= lastSequence {
			return nil
		}
	}
}

func (c *comparison) compare(ctx context.Context, payload []byte) error {
	message, err := wire.Decode(payload)
	if err != nil || !wire.IsFrom(message.Source, c.store) {
		c.report.Foreign++
		return nil //nolint:nilerr // foreign messages are counted, not raised
	}
	position := message.Position
	if position <= c.highest {
		c.late(position)
		return nil
	}
	c.highest = position
	if err := c.advance(ctx, position); err != nil {
		return err
	}
	if len(c.ahead) == 0 || c.ahead[0].Position != position || c.ahead[0].ID != message.ID {
		c.report.Foreign++ // a position or an id that the store does not have
		return nil
	}
	c.ahead = c.ahead[1:]
	c.missing.close()
	if position <= c.horizon { // what is younger than this comparison only has to be known
		c.report.Events++
		c.report.Published++
	}
	return nil
}

// late sorts a message that stands behind a later one.
func (c *comparison) late(position contrail.Position) {
	if position > c.horizon {
		return
	}
	if c.missing.remove(position) {
		c.report.MissingTotal--
		c.report.Published++
		c.report.OutOfOrder++
		return
	}
	c.report.DuplicatesTotal++
	if len(c.report.Duplicates) < MaxListed {
		c.report.Duplicates = append(c.report.Duplicates, position)
	}
}

// advance counts what the store has below position as missing, and leaves the event at position, if there is one, in front.
func (c *comparison) advance(ctx context.Context, position contrail.Position) error {
	for {
		for len(c.ahead) > 0 && c.ahead[0].Position < position {
			c.miss(c.ahead[0].Position)
			c.ahead = c.ahead[1:]
		}
		if len(c.ahead) > 0 {
			return nil
		}
		events, err := c.feed.Next(ctx)
		if err != nil || len(events) == 0 {
			return err
		}
		c.ahead = events
	}
}

// miss counts an event that was settled when the comparison began.
func (c *comparison) miss(position contrail.Position) {
	if position > c.horizon {
		return
	}
	c.report.Events++
	c.report.MissingTotal++
	c.missing.add(position)
}

// finish lists the first of what is missing and gives the verdict.
func (c *comparison) finish(ctx context.Context, db eventstore.Querier) (Report, error) {
	report := c.report
	missing, err := c.missing.list(ctx, db, MaxListed)
	if err != nil {
		return Report{}, err
	}
	report.Missing = missing
	if report.Duplicates == nil {
		report.Duplicates = []contrail.Position{}
	}
	report.OK = report.MissingTotal == 0 && report.DuplicatesTotal == 0 && report.OutOfOrder == 0 && report.Foreign == 0
	return report, nil
}
