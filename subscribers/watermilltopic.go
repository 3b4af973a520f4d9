package subscribers

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/wire"
)

// everything is the topic that stands for all events.
const everything = "*"

// topic is what a Watermill subscriber asks for.
type topic struct {
	name     string
	category string            // empty: any
	stream   contrail.StreamID // zero: any
}

// parseTopic reads a topic as eventstore/wmsql does; see [Subscriber]. The error is a [*contrail.InvalidError].
func parseTopic(name string) (topic, error) {
	if name == everything {
		return topic{name: name}, nil
	}
	if strings.Trim(name, "-") == "" {
		return topic{}, &contrail.InvalidError{What: "topic", Value: name, Reason: `is empty; "*" stands for every event`}
	}
	category, id, isStream := strings.Cut(name, "-")
	category = strings.NewReplacer(".", "_", "$", "_", ":", "_").Replace(category)
	if !isStream {
		return topic{name: name, category: category}, contrail.NewStreamID(category, "1").Validate()
	}
	stream := contrail.NewStreamID(category, strings.ReplaceAll(id, ".", "_"))
	return topic{name: name, category: category, stream: stream}, stream.Validate()
}

// holds tells whether an event of the stream belongs to the topic.
func (t topic) holds(stream contrail.StreamID) bool {
	return (t.stream.IsZero() || t.stream == stream) && (t.category == "" || t.category == stream.Category())
}

// subscription makes one for the topic, without handlers.
func (t topic) subscription(js jetstream.JetStream, config Config) (*Subscription, error) {
	label := config.Durable
	config.Durable = t.durable(config.Durable)
	if t.name == everything {
		return New(js, config)
	}
	if len(config.Filter) > 0 {
		return nil, fmt.Errorf(`%s: it goes with the topic "*" alone; another topic says itself what to filter by`, "Filter")
	}
	if !has(config.Categories, t.category) {
		return nil, fmt.Errorf("%s: %q is not among them", "Categories", t.category)
	}
	config.Categories = []string{t.category}
	if t.stream.IsZero() {
		return New(js, config)
	}
	selected := config.selection()
	config.Filter = t.filter(config)
	config.Categories, config.Types, config.Tenants = nil, nil, nil
	sub, err := newSubscription(js, config, label) // there are many streams
	if err == nil {
		sub.selected = selected // where the subjects don't tell
	}
	return sub, err
}

// filter are the subjects of the stream's events, of those that config selects if they are not too many.
func (t topic) filter(config Config) []string {
	subjects, err := wire.ParseSubjects(config.Prefix, config.Subject)
	if err != nil { // NewSubscriber has parsed it
		return []string{config.Prefix + ".>"}
	}
	values := map[string][]string{
		wire.PlaceCategory: {t.category}, wire.PlaceID: {t.stream.ID()},
		wire.PlaceType: config.Types, contrail.KeyTenantID: config.Tenants,
	}
	filter := subjects.Filters(values)
	if len(filter) > maxFilters {
		delete(values, wire.PlaceType)
		delete(values, contrail.KeyTenantID)
		filter = subjects.Filters(values)
	}
	return filter
}

// durable is the name of the topic's consumer. No two topics have the same.
func (t topic) durable(prefix string) string {
	if t.name == everything {
		return prefix
	}
	name := []byte(prefix + "@")
	for _, b := range []byte(t.name) {
		if isPlain(b) {
			name = append(name, b)
		} else {
			name = fmt.Appendf(name, "=%02X", b)
		}
	}
	return string(name)
}

func isPlain(b byte) bool {
	return slices.Contains([]byte("_-"), b) || '0' <= b && b <= '9' || 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z'
}
