package plain

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// ErrPermanent marks a failure that no retry will cure, as in fmt.Errorf("%w: no such customer", plain.ErrPermanent).
var ErrPermanent = errors.New("permanent")

// Apply brings an event's effect into the database through tx, which it neither commits nor rolls back.
type Apply func(ctx context.Context, tx *sql.Tx, e Event) error

// Config says what a [Consumer] consumes. Durable and Filter are required.
type Config struct {
	Durable string // the consumer's name in both streams, and in the table
	Filter  string // the subjects: events.order.>

	MaxDeliver int           // deliveries of an event before it is a dead letter. Default: 8
	AckWait    time.Duration // how long the broker waits for a sign of life. Default: 30 s
	Delay      time.Duration // before the second delivery; doubled with each further one, up to a minute. Default: 500 ms
	Timeout    time.Duration // of Apply. Default: 1 min
}

// Consumer applies events, each once and in order. Several processes may run with the same name; they take turns.
type Consumer struct {
	js     jetstream.JetStream
	db     *sql.DB
	config Config
	apply  Apply
}

// New makes a consumer. Its database needs a table for what was applied:
//
//	CREATE TABLE applied (consumer text, position bigint, PRIMARY KEY (consumer, position))
func New(js jetstream.JetStream, db *sql.DB, config Config, apply Apply) *Consumer {
	config.MaxDeliver = cmp.Or(config.MaxDeliver, 8)
	config.AckWait = cmp.Or(config.AckWait, 30*time.Second)
	config.Delay = cmp.Or(config.Delay, 500*time.Millisecond)
	config.Timeout = cmp.Or(config.Timeout, time.Minute)
	return &Consumer{js: js, db: db, config: config, apply: apply}
}

// Run consumes until ctx ends, and then returns nil: the events of the stream, and those that a person has requeued to this consumer.
func (c *Consumer) Run(ctx context.Context) error {
	if err := c.ensureDeadLetters(ctx); err != nil {
		return err
	}
	events, err := c.durable(ctx, eventStream, c.config.Filter)
	if err != nil {
		return err
	}
	requeued, err := c.durable(ctx, deadLetterStream, "deadletters.requeue."+c.config.Durable)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error)
	for _, source := range []jetstream.Consumer{events, requeued} {
		go func() {
			err := c.consume(ctx, source)
			cancel()
			ended <- err
		}()
	}
	return errors.Join(<-ended, <-ended)
}

// durable creates the consumer, or updates the one that is there. It has one event under way at a time, which keeps the order over retries and over
// processes.
func (c *Consumer) durable(ctx context.Context, stream, filter string) (jetstream.Consumer, error) {
	consumer, err := c.js.CreateOrUpdateConsumer(ctx, stream, jetstream.ConsumerConfig{
		Durable: c.config.Durable, FilterSubject: filter, DeliverPolicy: jetstream.DeliverAllPolicy, AckPolicy: jetstream.AckExplicitPolicy,
		AckWait: c.config.AckWait, MaxDeliver: c.config.MaxDeliver, MaxAckPending: 1, // and no BackOff: see NakWithDelay below
	})
	if err != nil {
		return nil, fmt.Errorf("create consumer %s of stream %s: %w", c.config.Durable, stream, err)
	}
	return consumer, nil
}

func (c *Consumer) consume(ctx context.Context, source jetstream.Consumer) error {
	messages, err := source.Messages()
	if err != nil {
		return fmt.Errorf("consume: %w", err)
	}
	defer messages.Stop()
	for {
		msg, err := messages.Next(jetstream.NextContext(ctx))
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, jetstream.ErrNoHeartbeat):
			continue // the broker is out of reach, and the client connects again
		case err != nil:
			return fmt.Errorf("next event: %w", err)
		}
		if err := c.handle(ctx, msg); err != nil {
			return err
		}
	}
}

// handle works on one delivery and answers for it, once. Whatever answer gets lost, the event is delivered again, and the table knows it.
func (c *Consumer) handle(ctx context.Context, msg jetstream.Msg) error {
	meta, err := msg.Metadata()
	if err != nil {
		return fmt.Errorf("a message that did not come from a consumer: %w", err)
	}
	stop := c.keepAlive(msg)
	failure := c.attempt(ctx, msg)
	last := meta.NumDelivered >= uint64(c.config.MaxDeliver) //nolint:gosec // above zero
	dead := failure != nil && (last || errors.Is(failure, ErrPermanent))
	if dead {
		err = c.bury(ctx, c.letter(msg, meta, failure)) // before the broker is told to forget the event
	}
	stop() // a sign of life that overtook the answer would undo its delay
	switch {
	case err != nil:
		return err
	case failure == nil:
		err = msg.Ack()
	case dead:
		err = msg.TermWithReason(oneLine(failure))
	default:
		err = msg.NakWithDelay(c.delay(meta.NumDelivered))
	}
	if err != nil {
		return fmt.Errorf("answer for message %d: %w", meta.Sequence.Stream, err)
	}
	return nil
}

// attempt applies an event. A database that is out of reach is no fault of the event's, which stays in hand and uses up no delivery.
func (c *Consumer) attempt(ctx context.Context, msg jetstream.Msg) error {
	event, err := ReadEvent(msg.Headers(), msg.Data())
	if err != nil {
		return fmt.Errorf("%w: %w", ErrPermanent, err)
	}
	for try := uint64(1); ; try++ {
		failure := c.once(ctx, event)
		if failure == nil || c.db.PingContext(ctx) == nil || !pause(ctx, c.delay(try)) {
			return failure
		}
	}
}

const claimSQL = `INSERT INTO applied (consumer, position) VALUES ($1, $2) ON CONFLICT DO NOTHING`

// once applies an event unless that was done before: its effect and the row that says so are one transaction. It outlasts the end of ctx: what was
// begun is finished.
func (c *Consumer) once(ctx context.Context, event Event) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.config.Timeout)
	defer cancel()
	position, err := event.Position()
	if err != nil {
		return err
	}
	tx, err := c.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback()
	claimed, err := tx.ExecContext(ctx, claimSQL, c.config.Durable, position)
	if err != nil {
		return fmt.Errorf("claim position %d: %w", position, err)
	}
	if rows, err := claimed.RowsAffected(); err != nil || rows == 0 {
		return err //nolint:wrapcheck // there is none: the driver counts rows
	}
	if err := c.apply(ctx, tx, event); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// keepAlive tells the broker three times in AckWait that the event is still in hand.
func (c *Consumer) keepAlive(msg jetstream.Msg) (stop func()) {
	var beating sync.WaitGroup
	end := make(chan struct{})
	beating.Go(func() {
		ticker := time.NewTicker(c.config.AckWait / 3)
		defer ticker.Stop()
		for {
			select {
			case <-end:
				return
			case <-ticker.C:
				_ = msg.InProgress() // the next one may get through
			}
		}
	})
	return func() { close(end); beating.Wait() }
}

// pause returns false when ctx ended before the delay was over.
func pause(ctx context.Context, delay time.Duration) bool {
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// delay grows from one delivery to the next. JetStream's own BackOff would not apply to a nak, and would be added to it.
func (c *Consumer) delay(delivery uint64) time.Duration {
	return min(c.config.Delay<<min(delivery-1, 10), time.Minute)
}
