package api

import (
	"context"
	"net/url"
	"strconv"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/domain"
)

// HistoryInput asks for the events of an aggregate.
type HistoryInput struct {
	Caller
	Identified

	After int64 `query:"after" minimum:"0" doc:"Begin after this version: next of the page before."`
	Limit int   `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"At most so many."`
}

// PastEvent is an event in a history, with what the store says of it.
type PastEvent struct {
	Event

	Version  int64             `json:"version" doc:"Of the aggregate after the event."`
	Position contrail.Position `json:"position" doc:"In the order of all events."`
	Metadata contrail.Metadata `json:"metadata" doc:"Who did it, and in which request."`
}

func (r resource[S, V]) history(ctx context.Context, in *HistoryInput) (*Listed[PastEvent], error) {
	found, err := r.service.FindAt(ctx, in.actor(ctx), in.ID, domain.At{})
	if err != nil {
		return nil, err
	}
	items, next := []PastEvent{}, ""
	for _, recorded := range found.Events {
		if recorded.Version <= in.After {
			continue
		}
		if len(items) == in.Limit {
			next = strconv.FormatInt(items[len(items)-1].Version, 10)
			break
		}
		items = append(items, PastEvent{showEvent(recorded), recorded.Version, recorded.Position, recorded.Metadata})
	}
	return listed(items, next, nextPage{r.path() + "/" + in.ID + "/events", url.Values{}, in.Limit}), nil
}
