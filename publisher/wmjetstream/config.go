package wmjetstream

import (
	"context"
	"errors"
	"fmt"
	"time"

	wmnats "github.com/ThreeDotsLabs/watermill-nats/v2/pkg/nats"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go/jetstream"
)

// Defaults of [Config].
const (
	DefaultInFlight   = 256
	DefaultAckTimeout = 5 * time.Second
)

// Config of a [Publisher]. The zero value works. Its functions are called by several goroutines at once.
type Config struct {
	// Marshaler makes a NATS message of a Watermill message. It is given the subject in the place of the topic, and what it returns is
	// published on the subject that it has set. Nil means watermill-nats' NATSMarshaler: the payload as it is, the metadata as headers.
	Marshaler wmnats.Marshaler

	// Subject is what a topic is called in NATS; nil means the topic itself. A topic whose subject has a wildcard, white space or an empty
	// token is refused.
	Subject func(topic string) string

	// MsgID is the id by which the broker knows a message that it has, within the stream's duplicate window; nil means the message's UUID.
	// Where MsgID returns "" the broker takes the message however often it comes.
	MsgID func(topic string, msg *message.Message) string

	// InFlight is how many messages of one Publish may be unacknowledged at once; zero means [DefaultInFlight]. It is also how many may
	// be stored after one that was refused. With 1 each waits for the one before it.
	InFlight int

	// AckTimeout is how long Publish waits while no acknowledgement comes, before it gives up and what is unacknowledged counts as unknown;
	// zero means [DefaultAckTimeout].
	AckTimeout time.Duration

	// Provision makes sure that there is a stream for a topic. It is called before the first message to the topic, with that message's
	// context, and again as long as it fails; where several goroutines begin with one topic, each calls it. Nil means that the streams are
	// there; [ProvisionStream] creates one for each topic.
	Provision func(ctx context.Context, js jetstream.JetStream, topic, subject string) error
}

func (c Config) validate() error {
	var faults []error
	if c.InFlight < 0 {
		faults = append(faults, fmt.Errorf("wmjetstream.Config: InFlight is %d, must not be negative", c.InFlight))
	}
	if c.AckTimeout < 0 {
		faults = append(faults, fmt.Errorf("wmjetstream.Config: AckTimeout is %s, must not be negative", c.AckTimeout))
	}
	return errors.Join(faults...)
}

func (c Config) withDefaults() Config {
	if c.Marshaler == nil {
		c.Marshaler = &wmnats.NATSMarshaler{}
	}
	if c.Subject == nil {
		c.Subject = func(topic string) string { return topic }
	}
	if c.MsgID == nil {
		c.MsgID = func(_ string, msg *message.Message) string { return msg.UUID }
	}
	if c.InFlight == 0 {
		c.InFlight = DefaultInFlight
	}
	if c.AckTimeout == 0 {
		c.AckTimeout = DefaultAckTimeout
	}
	if c.Provision == nil {
		c.Provision = func(context.Context, jetstream.JetStream, string, string) error { return nil }
	}
	return c
}
