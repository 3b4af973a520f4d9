package wmsql

import (
	"errors"
	"slices"
	"strings"

	"github.com/contrail-events/contrail"
)

// Filter is the selection of events that a topic stands for. Fields that are set narrow it down together; the zero value is every
// event of the store.
type Filter struct {
	Category string            // of this category, such as "invoice"
	Stream   contrail.StreamID // of this stream alone
	Types    []string          // of one of these types
}

// ByName is the default of [Config.Topic]. A topic without '-' is a category: "invoice" stands for the events of all invoices. One
// with '-' is a stream: "invoice-42" stands for the events of that invoice. Characters that watermill-sql allows in a topic and Contrail
// does not at that place ('.', and '$' and ':' in a category) are read as '_'.
func ByName(topic string) Filter {
	category, id, found := strings.Cut(topic, "-")
	category = strings.NewReplacer(".", "_", "$", "_", ":", "_").Replace(category)
	if !found {
		return Filter{Category: category}
	}
	return Filter{Stream: contrail.NewStreamID(category, strings.ReplaceAll(id, ".", "_"))}
}

// Everything is a [Config.Topic] that makes each topic stand for every event.
func Everything(string) Filter { return Filter{} }

// ByType is a [Config.Topic] that makes a topic stand for the events of the type that it names: "InvoiceDrafted", or
// "invoice.InvoiceDrafted", as Watermill's CQRS component likes to name its topics.
func ByType(topic string) Filter { return Filter{Types: []string{lastSegment(topic)}} }

// lastSegment is the name of a type without that of its package.
func lastSegment(name string) string { return name[strings.LastIndexByte(name, '.')+1:] }

// validate returns [*contrail.InvalidError]s.
func (f Filter) validate() error {
	var faults []error
	if !f.Stream.IsZero() {
		faults = append(faults, f.Stream.Validate())
	}
	if f.Category != "" {
		faults = append(faults, contrail.NewStreamID(f.Category, "1").Validate())
	}
	if f.Category != "" && !f.Stream.IsZero() && f.Stream.Category() != f.Category {
		faults = append(faults, &contrail.InvalidError{What: "stream", Value: f.Stream.String(), Reason: "is not of category " + f.Category})
	}
	for _, kind := range f.Types {
		faults = append(faults, contrail.Event{Type: kind}.Validate())
	}
	return errors.Join(faults...)
}

// holdsStream tells whether a subscriber would see events of the stream.
func (f Filter) holdsStream(stream contrail.StreamID) bool {
	return (f.Stream.IsZero() || f.Stream == stream) && (f.Category == "" || f.Category == stream.Category())
}

// holdsType tells whether a subscriber would see events of the type.
func (f Filter) holdsType(kind string) bool {
	return len(f.Types) == 0 || slices.Contains(f.Types, kind)
}

// onlyType is the one type that there can be, or "".
func (f Filter) onlyType() string {
	if len(f.Types) != 1 {
		return ""
	}
	return f.Types[0]
}

// defaultStream is where messages go that name no stream.
func (f Filter) defaultStream(topic string) contrail.StreamID {
	switch {
	case !f.Stream.IsZero():
		return f.Stream
	case f.Category != "":
		return contrail.NewStreamID(f.Category, "default")
	}
	return ByName(topic).defaultStream(topic)
}

// selection is a filter as contrail.next_events takes it.
type selection struct {
	Category string   `json:"category,omitempty"`
	Stream   string   `json:"stream,omitempty"`
	Types    []string `json:"types,omitempty"`
	Fault    string   `json:"fault,omitempty"`
}

// selection names the category of a stream, too: it is what the index knows.
func (f Filter) selection() selection {
	chosen := selection{Category: f.Category, Stream: f.Stream.String(), Types: f.Types}
	if !f.Stream.IsZero() {
		chosen.Category = f.Stream.Category()
	}
	return chosen
}
