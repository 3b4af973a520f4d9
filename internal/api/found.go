package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/contrail-events/contrail"
)

// FindInput asks for one aggregate.
type FindInput struct {
	Caller
	Identified
	Moment

	IfNoneMatch string `header:"If-None-Match" doc:"Versions that the client has: 304 when it is one of these."`
}

// Found answers with one aggregate, or with nothing when the client has it.
type Found[V any] struct {
	Status   int
	ETag     string `header:"ETag" doc:"The aggregate's version." example:"\"3\""`
	Cache    string `header:"Cache-Control"`
	Position string `header:"Contrail-Position" doc:"The position of the last event."`
	Body     V
}

// Event is an event in an aggregate's history.
type Event struct {
	ID            string          `json:"id"`
	Type          string          `json:"type" example:"InvoiceDrafted"`
	EventableType string          `json:"eventable_type" example:"Invoice" doc:"What it happened to."`
	EventableID   string          `json:"eventable_id"`
	Body          json.RawMessage `json:"body" doc:"What it tells."`
	CreatedAt     time.Time       `json:"created_at"`
}

func showEvent(recorded contrail.Recorded) Event {
	category := recorded.Stream.Category()
	return Event{
		ID: recorded.ID.String(), Type: recorded.Type, EventableType: strings.ToUpper(category[:1]) + category[1:], EventableID: recorded.Stream.ID(),
		Body: recorded.Data, CreatedAt: recorded.RecordedAt.UTC(),
	}
}

func showEvents(all []contrail.Recorded) []Event {
	events := make([]Event, len(all))
	for i, recorded := range all {
		events[i] = showEvent(recorded)
	}
	return events
}

func (r resource[S, V]) find(ctx context.Context, in *FindInput) (*Found[V], error) {
	listed, ok := parseCondition(in.IfNoneMatch)
	if !ok {
		return nil, problem(kindMalformed, `If-None-Match is no list of entity tags: write it as "3"`)
	}
	at, err := in.at()
	if err != nil {
		return nil, err
	}
	found, err := r.service.FindAt(ctx, in.actor(ctx), in.ID, at)
	if err != nil {
		return nil, err
	}
	answer := &Found[V]{Status: http.StatusOK, ETag: etag(found.Version), Cache: "private, no-cache"}
	if last := len(found.Events) - 1; last >= 0 {
		answer.Position = position(found.Events[last].Position)
	}
	if listed.matchesWeakly(answer.ETag) {
		answer.Status = http.StatusNotModified
		return answer, nil
	}
	answer.Body = r.show(found.Aggregate, showEvents(found.Events))
	return answer, nil
}

// parseTime reads RFC 3339, also where a client left a plus sign as it is, which a query makes a space of.
func parseTime(text string) (time.Time, error) {
	at, err := time.Parse(time.RFC3339Nano, strings.Replace(text, " ", "+", 1))
	if err != nil {
		return at, fmt.Errorf("read a time: %w", err)
	}
	return at, nil
}
