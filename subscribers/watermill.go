package subscribers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go/jetstream"
)

// Subscriber is Watermill's message.Subscriber on a [Subscription]: the events of a topic as messages, under a Watermill router or whatever else
// takes a subscriber. Durables, order, retries with backoff, encrypted data and dead letters are those of a Subscription. Its methods may be
// called from several goroutines.
//
// # Topics
//
// A topic is read as package eventstore/wmsql reads it, so that what its publisher publishes to a topic arrives at that topic, and with it the
// events that nobody published through Watermill:
//
//   - "invoice" is a category: the events of all invoices.
//   - "invoice-42" is a stream: the events of that invoice. '.', and '$' and ':' in front of the '-', stand for '_'.
//   - "*" is every event.
//
// Config selects among them, as with any Subscription: with Config.Types, say. Config.Filter goes with the topic "*" alone.
//
// Each topic has a durable of its own, which Config.Durable begins: "mailer" for "*", "mailer@invoice" for "invoice", and "mailer@invoice-42" for
// "invoice-42", where a character of the topic that is no ASCII letter, digit, '_' or '-' is written as '=' and the two hexadecimal digits of
// each of its bytes. So subscribers of the same Config.Durable share a topic's events, like a consumer group, and those of another one get them
// all again.
//
// # Messages
//
// An event is the message that wmsql's publisher published, if that is where it comes from. Otherwise its id is the UUID, its data the payload,
// its metadata the metadata; either way the keys from [KeyID] to [KeyRecordedAt] are there, and [DeliveredMessage] has the rest. On the way
// metadata keys lose their underscores, as the attributes of CloudEvents have none; only Contrail's own, such as correlation_id, get them back.
//
// # Acknowledging
//
// Ack acknowledges the event. Nack is a failure: the event is delivered again after Config.Backoff, and is a dead letter after Config.MaxDeliver
// deliveries. Add [Verdict] to a router and its handlers can say more than that. A message that gets neither is kept, with a sign of life to the
// broker now and then, until Config.HandlerTimeout is over; that is a failure. At most Config.Concurrency messages of a topic are out at a time,
// and one of each stream, so that the events of a stream come in order, in this process: see the package's documentation. The time that a message
// waits to be taken counts, too, so whoever reads them one by one, unlike a router, should set Concurrency to 1.
//
// A message's context has the values of the one given to Subscribe. It ends with Ack and Nack, when HandlerTimeout is over, and DrainTimeout
// after Close. What is appended with it has the event as its cause ([contrail.CausedBy]).
//
// With Config.Inbox a message is handled in a transaction that also holds its row in the inbox, which [TxFromContext] or [SQLTxFromContext] gives
// to the handler: what is written through it takes effect once. It is the handler's until Ack or Nack, and is cut off 5 s after the message's
// context has ended. After an error it is of no more use, so Watermill's Retry is out of place then; Nack has the event tried again in a new one.
// Several messages may share one.
type Subscriber struct {
	js     jetstream.JetStream
	config Config

	mu      sync.Mutex
	closed  bool
	closing chan struct{}
	running sync.WaitGroup
	faults  []error // that subscriptions ended with
	tally   tally
}

var _ message.Subscriber = (*Subscriber)(nil)

// ErrSubscriberClosed says that a [Subscriber] takes no more subscriptions.
var ErrSubscriberClosed = errors.New("the subscriber is closed")

// NewSubscriber checks config and returns a subscriber. The error names every field that is wrong. It does not talk to the broker, and closes
// neither js nor what is in config.
func NewSubscriber(js jetstream.JetStream, config Config) (*Subscriber, error) {
	config = config.withDefaults()
	if err := config.validate(); err != nil {
		return nil, fmt.Errorf("configure a Watermill subscriber: %w", err)
	}
	return &Subscriber{js: js, config: config, closing: make(chan struct{})}, nil
}

// Subscribe returns the messages of a topic, until ctx ends or [Subscriber.Close] is called; then the channel is closed, once messages that are out
// were answered or DrainTimeout is over. What has gone to nobody is given back.
//
// When it returns, the durable consumer is there, unless the broker is out of reach or the stream is missing: these are waited for, in the
// background. The error is about what only a person can mend: the topic, or a consumer of that name that was made for something else. If the like
// happens later the channel is closed, the error is logged, and Close returns it. After Close the error is [ErrSubscriberClosed].
//
// A topic may be subscribed to more than once. Those subscriptions share its events, like processes do, with no order between them.
func (s *Subscriber) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	if !s.begin() {
		return nil, fmt.Errorf("subscribe to topic %s: %w", topic, ErrSubscriberClosed)
	}
	defer s.running.Done()
	messages, err := s.subscribe(ctx, topic)
	if err != nil {
		return nil, fmt.Errorf("subscribe to topic %s: %w", topic, err)
	}
	return messages, nil
}

func (s *Subscriber) subscribe(ctx context.Context, name string) (<-chan *message.Message, error) {
	topic, err := parseTopic(name)
	if err != nil {
		return nil, err
	}
	sub, err := topic.subscription(s.js, s.config)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	out := newOutlet(ctx, topic, s.config.MaxDeliver)
	out.register(sub)
	if _, err := newSession(sub, sub.eventsFeed(), sub.requeueFeed()).prepare(ctx); hopeless(err) {
		stop()
		return nil, err
	}
	s.tally.begin(sub)
	s.running.Go(func() {
		defer stop()
		defer out.close()
		s.keep(ctx, sub.Run(ctx))
		s.tally.end(sub)
	})
	s.running.Go(func() {
		select {
		case <-s.closing:
			stop()
		case <-ctx.Done():
		}
	})
	return out.messages, nil
}

// keep keeps what a subscription ended with, for Close.
func (s *Subscriber) keep(ctx context.Context, err error) {
	if err == nil {
		return
	}
	s.config.Logger.ErrorContext(ctx, "a watermill subscription has ended", slog.Any("error", err))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, err)
}

// Close ends all subscriptions, and returns when their channels are closed. Messages that are out may still be answered within DrainTimeout; what
// was not is delivered again. The error joins those of subscriptions that ended by themselves. It may be called again, and then returns the same.
func (s *Subscriber) Close() error {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		close(s.closing)
	}
	s.mu.Unlock()
	s.running.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(s.faults...)
}

// begin counts a Subscribe in, unless the subscriber is closed. The lock keeps it from beginning between Close's two steps.
func (s *Subscriber) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.running.Add(1)
	}
	return !s.closed
}
