package wmsql

import (
	"errors"
	"fmt"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
)

// DefaultBatchEvents is the default of [Config.BatchEvents].
const DefaultBatchEvents = 100

// DefaultType is the event type of a message that nothing names a type for.
const DefaultType = "WatermillMessage"

// Config of a [SchemaAdapter]. The zero value works. Its functions are called by several goroutines at once.
type Config struct {
	// Topic tells which events a topic stands for; nil means [ByName]. It is called at every publish and every poll, and must
	// give the same answer each time: a group's offset means nothing in another selection.
	Topic func(topic string) Filter

	// Stream names the stream of a message that has no [KeyStream] in its metadata. Nil, or the zero StreamID that it returns, means the
	// default stream of the topic: the filter's own, or "default" in the filter's category, or what [ByName] makes of the topic.
	Stream func(topic string, msg *message.Message) contrail.StreamID

	// Type names the event type of a message that has no [KeyType] in its metadata. Nil, or the "" that it returns, means the part behind the
	// last '.' of the metadata "name", or the topic's type if it has just one, or [DefaultType].
	Type func(topic string, msg *message.Message) string

	// AnyPayload takes payloads that jsonb can't hold, too: what is not JSON is stored as a JSON string in base64, and comes back byte for
	// byte. JSON is stored as JSON all the same.
	AnyPayload bool

	// BatchEvents is how many events a subscriber reads in one transaction, at most; zero means [DefaultBatchEvents].
	BatchEvents int

	// MaxEventBytes bounds an event's data and metadata together, as JSON; zero means [eventstore.DefaultMaxEventBytes]. Keep it the same
	// as that of the [eventstore.Config].
	MaxEventBytes int
}

func (c Config) validate() error {
	var faults []error
	if c.BatchEvents < 0 {
		faults = append(faults, fmt.Errorf("wmsql.Config: BatchEvents is %d, must not be negative", c.BatchEvents))
	}
	if c.MaxEventBytes < 0 {
		faults = append(faults, fmt.Errorf("wmsql.Config: MaxEventBytes is %d, must not be negative", c.MaxEventBytes))
	}
	return errors.Join(faults...)
}

func (c Config) withDefaults() Config {
	if c.Topic == nil {
		c.Topic = ByName
	}
	if c.Stream == nil {
		c.Stream = func(string, *message.Message) contrail.StreamID { return contrail.StreamID{} }
	}
	if c.Type == nil {
		c.Type = func(string, *message.Message) string { return "" }
	}
	if c.BatchEvents == 0 {
		c.BatchEvents = DefaultBatchEvents
	}
	if c.MaxEventBytes == 0 {
		c.MaxEventBytes = eventstore.DefaultMaxEventBytes
	}
	return c
}
