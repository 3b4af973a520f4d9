package wmjetstream

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go/jetstream"
)

// Publisher is Watermill's message.Publisher on JetStream. Its methods may be called from several goroutines.
type Publisher struct {
	js          jetstream.JetStream
	config      Config
	provisioned sync.Map // the topics that are

	mu      sync.Mutex
	closed  bool
	running sync.WaitGroup
}

var _ message.Publisher = (*Publisher)(nil)

// New returns a publisher, or an error that names every faulty field of cfg. It asks nothing of the broker. The connection of js stays the
// caller's, to be closed after the publisher.
func New(js jetstream.JetStream, cfg Config) (*Publisher, error) {
	faults := cfg.validate()
	if js == nil {
		faults = errors.Join(errors.New("wmjetstream.New: js must not be nil"), faults)
	}
	if faults != nil {
		return nil, faults
	}
	return &Publisher{js: js, config: cfg.withDefaults()}, nil
}

// Publish sends the messages in their order and returns when the broker has acknowledged all of them. Where one can't be sent or is not
// acknowledged, later ones are not sent, those on their way are waited for, and the error is a [*PublishError]. Publishing all of them
// again is then the right thing to do, unless [contrail.IsPermanent] says that it will not help.
//
// When a message's context ends, it is not sent any more, or not waited for any longer: whether it is stored is unknown then. After Close
// the error is [ErrClosed].
func (p *Publisher) Publish(topic string, messages ...*message.Message) error {
	if !p.begin() {
		return fmt.Errorf("publish to topic %s: %w", topic, ErrClosed)
	}
	defer p.running.Done()
	f := flight{publisher: p, topic: topic, messages: messages, patience: p.config.AckTimeout}
	return f.fly()
}

// Close waits for every Publish that has begun. Later ones return [ErrClosed]. It closes nothing else, and may be called again.
func (p *Publisher) Close() error {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.running.Wait()
	return nil
}

// begin counts a Publish in, unless the publisher is closed. The lock keeps it from beginning between Close's two steps.
func (p *Publisher) begin() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.running.Add(1)
	}
	return !p.closed
}

// provision does so once a topic.
func (p *Publisher) provision(ctx context.Context, topic string) error {
	if _, done := p.provisioned.Load(topic); done {
		return nil
	}
	subject := p.config.Subject(topic)
	if err := checkSubject(subject); err != nil {
		return err
	}
	if err := p.config.Provision(ctx, p.js, topic, subject); err != nil {
		return fmt.Errorf("provision: %w", err)
	}
	p.provisioned.Store(topic, true)
	return nil
}
