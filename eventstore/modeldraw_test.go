package eventstore_test

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
)

// drawExpected draws an expectation, right more often than wrong.
func drawExpected(t *rapid.T, actual int64) eventstore.ExpectedVersion {
	switch rapid.SampledFrom([]string{"any", "any", "exists", "none", "exactly", "exactly", "some"}).Draw(t, "expected") {
	case "any":
		return eventstore.Any
	case "exists":
		return eventstore.StreamExists
	case "none":
		return eventstore.NoStream
	case "exactly":
		return eventstore.Exactly(actual)
	}
	return eventstore.Exactly(rapid.Int64Range(0, actual+1).Draw(t, "version"))
}

// drawEvents draws a batch: new events, or some that stand in the store, as they are or changed in one of the ways that make them others. A
// repetition goes to the stream where they stand.
func (r *modelRun) drawEvents(t *rapid.T, state model, stream *contrail.StreamID) []contrail.Event {
	if len(state.events) == 0 || rapid.IntRange(0, 2).Draw(t, "again") > 0 {
		events := make([]contrail.Event, rapid.IntRange(1, 4).Draw(t, "events"))
		for i := range events {
			events[i] = r.drawEvent(t)
		}
		return events
	}
	of := rapid.SampledFrom(state.events).Draw(t, "repeated")
	standing := state.stream(of.Stream, of.Version)
	events := make([]contrail.Event, rapid.IntRange(1, min(3, len(standing))).Draw(t, "length"))
	for i := range events {
		event := standing[i]
		events[i] = contrail.Event{ID: event.ID, Type: event.Type, Data: json.RawMessage(compact(event.Data)), Metadata: contrail.Metadata{"user_id": "again"}}
	}
	at := rapid.IntRange(0, len(events)-1).Draw(t, "at")
	switch rapid.SampledFrom([]string{"same", "same", "same", "data", "type", "order", "longer", "shorter", "twice", "elsewhere"}).Draw(t, "change") {
	case "data":
		events[at].Data = json.RawMessage(`{"n":-1}`)
	case "type":
		events[at].Type = "Other"
	case "order":
		slices.Reverse(events)
	case "longer":
		events = append(events, r.drawEvent(t))
	case "shorter": // the first one is new, a later one is not
		events = append([]contrail.Event{r.drawEvent(t)}, events[at])
	case "twice":
		events = append(events, events[at])
	case "elsewhere":
		return events
	}
	*stream = of.Stream
	return events
}

// drawEvent draws a new event: without an id, with a new one, or with one that a rollback has freed.
func (r *modelRun) drawEvent(t *rapid.T) contrail.Event {
	event := contrail.Event{
		Type: rapid.SampledFrom([]string{"Drafted", "Issued", "Paid"}).Draw(t, "type"),
		Data: json.RawMessage(fmt.Sprintf(`{"n":%d}`, rapid.IntRange(0, 9).Draw(t, "n"))),
	}
	if rapid.Bool().Draw(t, "metadata") {
		event.Metadata = contrail.Metadata{"tenant_id": rapid.SampledFrom([]string{"acme", "umbrella"}).Draw(t, "tenant")}
	}
	switch source := rapid.SampledFrom([]string{"none", "new", "freed"}).Draw(t, "id"); {
	case source == "freed" && len(r.gone) > 0:
		event.ID = rapid.SampledFrom(r.gone).Draw(t, "freed")
	case source != "none":
		event.ID = uuid.New()
	}
	return event
}
