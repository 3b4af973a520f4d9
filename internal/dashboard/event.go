package dashboard

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
)

// eventView is one event: what was recorded, what stands around it, and what became of it.
type eventView struct {
	Event    eventDetail    `json:"event"`
	Related  relatedEvents  `json:"related"`
	Journey  journey        `json:"journey"`
	Unknown  []unknownPart  `json:"unknown,omitempty"` // what could not be read
	Body     jsonBody       `json:"-"`
	Whole    bool           `json:"-"` // the address asks for all of a long body
	Metadata []metadataPair `json:"-"`
}

// eventDetail is an event with its body.
type eventDetail struct {
	eventRow

	Metadata contrail.Metadata `json:"metadata"`
	Data     json.RawMessage   `json:"data,omitempty"` // left out of an event that is encrypted
	Bytes    int               `json:"data_bytes"`

	// Text is the data in place of Data, where they are nested so deep that the lines of a page's JSON form would be more than they say.
	Text string `json:"data_text,omitempty"`
}

// metadataPair is an entry of the metadata.
type metadataPair struct{ Key, Value string }

// unknownPart is something that could not be read, and why.
type unknownPart struct {
	What  string `json:"what"`
	Error string `json:"error"`
}

// Title is what the page is about.
func (v *eventView) Title() string {
	return fmt.Sprintf("%s of %s", v.Event.Type, spelled(v.Event.Stream))
}

// eventPatience is how long a part of the page may take to be read; then the page says that it is unknown.
const eventPatience = 3 * time.Second

// readEvent reads one event, by its id or its position.
func (d *Dashboard) readEvent(ctx context.Context, r *request) (any, error) {
	event, err := d.eventNamed(ctx, r.path("event"))
	if err != nil {
		return nil, err
	}
	view := &eventView{Event: detailOf(event), Whole: r.query().Get("body") == "all"}
	for _, key := range slices.Sorted(maps.Keys(event.Metadata)) {
		view.Metadata = append(view.Metadata, metadataPair{key, event.Metadata[key]})
	}
	if !event.Sealed {
		view.Body = newJSONBody(event.Data, view.Whole)
	}
	var parts unknownParts
	parts.read(ctx, "related events", func(ctx context.Context) (err error) {
		view.Related, err = d.readRelated(ctx, event)
		return err
	})
	parts.read(ctx, "journey", func(ctx context.Context) error {
		view.Journey = d.readJourney(ctx, event, &parts)
		return nil
	})
	view.Unknown = parts.wait()
	view.Journey.Sentence = view.Journey.sentence(len(view.Unknown) > 0)
	return view, nil
}

// positionOfSQL uses the unique index on the id.
const positionOfSQL = `SELECT position FROM contrail.events WHERE id = $1`

// eventNamed is the event with an id, or at a position, as it is stored: what is encrypted stays so.
func (d *Dashboard) eventNamed(ctx context.Context, name string) (contrail.Recorded, error) {
	what := "event " + name
	position, err := strconv.ParseInt(name, 10, 64)
	if err != nil {
		id, err := uuid.Parse(name)
		if err != nil {
			return contrail.Recorded{}, errNotFound(what)
		}
		switch err := d.pool.QueryRow(ctx, positionOfSQL, id).Scan(&position); {
		case errors.Is(err, pgx.ErrNoRows):
			return contrail.Recorded{}, errNotFound(what)
		case err != nil:
			return contrail.Recorded{}, fmt.Errorf("find event %s: %w", id, err)
		}
	}
	events, err := eventstore.At(ctx, d.pool, contrail.Position(position))
	if err != nil {
		return contrail.Recorded{}, err
	}
	if len(events) == 0 {
		return contrail.Recorded{}, errNotFound(what)
	}
	return events[0], nil
}

// detailOf is the event for a page.
func detailOf(event contrail.Recorded) eventDetail {
	detail := eventDetail{
		eventRow: eventRow{
			Position: int64(event.Position), ID: event.ID, Stream: event.Stream.String(), Version: event.Version, Type: event.Type,
			Tenant: event.Metadata[contrail.KeyTenantID], Correlation: event.Metadata[contrail.KeyCorrelationID],
			Encrypted: event.Sealed, RecordedAt: event.RecordedAt,
		},
		Metadata: event.Metadata, Data: event.Data, Bytes: len(event.Data),
	}
	switch {
	case event.Sealed:
		detail.Data = nil
	case indentation(event.Data) > bodyIndented:
		detail.Data, detail.Text = nil, string(event.Data)
	}
	return detail
}

// Trace is the id of the trace that the event was appended in; empty: none was told.
func (e eventDetail) Trace() string {
	parts := strings.Split(e.Metadata[contrail.KeyTraceparent], "-")
	if len(parts) < 4 { //nolint:mnd // version, trace, span, flags
		return ""
	}
	return parts[1]
}
