package dashboard

import (
	"context"
	"time"
)

// eventPages are those about the events of the store and their streams.
func (d *Dashboard) eventPages() []page {
	return []page{
		{pattern: "/events", section: "/events", title: "Events", template: "events.html", read: d.readEvents},
		{pattern: "/events/{event}", section: "/events", title: "Event", template: "event.html", every: 2 * time.Second, read: d.readEvent},
		{pattern: "/streams", section: "/streams", title: "Streams", template: "streams.html", read: d.readStreams},
		{pattern: "/streams/{stream}", section: "/streams", title: "Stream", template: "streamshistory.html", read: d.readStreamHistory},
	}
}

// eventsView is a page of the events that a search selects, the newest first.
type eventsView struct {
	Items []eventRow `json:"items"`
	Pager

	// Looked is how far a search without an index has looked; nil: it has looked at all that there is, or has found a page full.
	Looked *eventsLooked `json:"looked,omitempty"`

	Search eventSearch `json:"-"`
}

// eventsLooked is how far a search has looked without finding a page full.
type eventsLooked struct {
	From int64 `json:"from"` // positions, or versions where a stream was searched: the first and the last that were looked at
	To   int64 `json:"to"`
}

// readEvents reads a page of events.
func (d *Dashboard) readEvents(ctx context.Context, r *request) (any, error) {
	search, err := parseEventSearch(r)
	if err != nil {
		return nil, err
	}
	view := &eventsView{Search: search}
	if search.hasID {
		row, err := findEventRow(ctx, d.pool, search.id)
		if row != nil {
			view.Items = []eventRow{*row}
		}
		return view, err
	}
	scan, err := search.scan(ctx, d.pool)
	if err != nil {
		return nil, err
	}
	found, err := scan.run(ctx)
	if err != nil {
		return nil, err
	}
	view.Items = found.rows
	view.Looked = found.looked
	view.Pager = found.pager()
	return view, nil
}
