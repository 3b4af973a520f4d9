package eventstore_test

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
)

// model is the event store as it is meant to be, for one client: a list. Its events are in position order.
type model struct{ events []contrail.Recorded }

func (m model) clone() model { return model{slices.Clone(m.events)} }

// stream returns the events of one stream, from a version on.
func (m model) stream(stream contrail.StreamID, from int64) (found []contrail.Recorded) {
	for _, event := range m.events {
		if event.Stream == stream && event.Version >= from {
			found = append(found, event)
		}
	}
	return found
}

// version is that of a stream's last event.
func (m model) version(stream contrail.StreamID) (last int64) {
	for _, event := range m.stream(stream, 0) {
		last = max(last, event.Version)
	}
	return last
}

// after returns the events above a position.
func (m model) after(position contrail.Position) []contrail.Recorded {
	at := slices.IndexFunc(m.events, func(event contrail.Recorded) bool { return event.Position > position })
	if at < 0 {
		return nil
	}
	return m.events[at:]
}

// find returns the event with an id. The zero id is one that is yet to be assigned.
func (m model) find(id uuid.UUID) (contrail.Recorded, bool) {
	at := slices.IndexFunc(m.events, func(event contrail.Recorded) bool { return event.ID == id })
	if at < 0 || id == uuid.Nil {
		return contrail.Recorded{}, false
	}
	return m.events[at], true
}

// append says what an append does: it appends (both results are nil), it finds the same events (they come back), or it is refused.
func (m model) append(stream contrail.StreamID, expected eventstore.ExpectedVersion, events []contrail.Event) ([]contrail.Recorded, error) {
	actual := m.version(stream)
	if _, taken := m.find(events[0].ID); taken || !fits(expected, actual) {
		return m.repeat(stream, expected, events)
	}
	var ids []uuid.UUID
	for _, event := range events {
		if _, taken := m.find(event.ID); taken || event.ID != uuid.Nil && slices.Contains(ids, event.ID) {
			return nil, &eventstore.DuplicateError{} // it is found on the way, and costs the transaction
		}
		ids = append(ids, event.ID)
	}
	return nil, nil
}

// repeat tells a repetition from a duplicate and from a mere conflict.
func (m model) repeat(stream contrail.StreamID, expected eventstore.ExpectedVersion, events []contrail.Event) ([]contrail.Recorded, error) {
	var known []contrail.Recorded
	repeated := true
	for _, event := range events {
		found, ok := m.find(event.ID)
		if !ok {
			repeated = false
			continue
		}
		known = append(known, found)
		first := known[0].Version
		repeated = repeated && found.Stream == stream && found.Type == event.Type && compact(found.Data) == compact(event.Data) &&
			found.Version == first+int64(len(known))-1 && (expected < 0 || first == int64(expected)+1)
	}
	switch {
	case repeated:
		return known, nil
	case len(known) > 0:
		at := known[0]
		return nil, &eventstore.DuplicateError{ID: at.ID, Stream: at.Stream, Version: at.Version, Position: at.Position}
	}
	return nil, &eventstore.ConflictError{Stream: stream, Expected: expected, Actual: m.version(stream)}
}

// compact drops the blanks that a jsonb has as text; the model's data have none of their own.
func compact(data any) string {
	text, _ := data.(json.RawMessage)
	return strings.ReplaceAll(string(text), " ", "")
}
