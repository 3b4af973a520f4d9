package dashboard

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/contrail-events/contrail/publisher/control"
)

// relayView is what the page of one relay shows.
type relayView struct {
	relayLine

	PausedStream bool `json:"stream_paused"` // the whole stream is
}

// Title is the page's.
func (v relayView) Title() string { return "Relay " + v.Identity }

// Setting is one of a relay's settings.
type Setting struct{ Name, Value string }

// SettingList is by name.
func (v relayView) SettingList() []Setting {
	var settings map[string]json.RawMessage
	if json.Unmarshal(v.Settings, &settings) != nil {
		return nil
	}
	list := make([]Setting, 0, len(settings))
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		value := string(settings[name])
		var text string
		if json.Unmarshal(settings[name], &text) == nil {
			value = text
		}
		list = append(list, Setting{name, value})
	}
	return list
}

// Advice is what to do about the relay; "" where nothing is wrong.
func (v relayView) Advice() string {
	switch {
	case v.Gone:
		return "Its process has died, hangs, or can't reach the database. If it has died, remove it from the list; if it is alive after all, it stops then."
	case v.Does == "replaced":
		return "Another relay has taken over. This one has not been heard of since, and stands by or ends when it comes back."
	case v.State == control.Paused && v.PausedStream:
		return "Its stream is paused: resume the stream."
	case v.State == control.Paused:
		return "It is paused until somebody resumes it, or its process ends."
	}
	return ""
}

func (d *Dashboard) readRelay(ctx context.Context, r *request) (any, error) {
	relay, err := d.relay(ctx, r)
	if err != nil {
		return nil, err
	}
	streams, err := control.Streams(ctx, d.pool, relay.Stream)
	if err != nil {
		return nil, err
	}
	view := relayView{relayLine: relayLine{Relay: relay}}
	led := false
	for _, stream := range streams {
		led, view.PausedStream = stream.Leader != "", stream.PausedAt != nil
	}
	view.Does = doesWhat(relay, led)
	return view, nil
}

// relay is the one that the address names.
func (d *Dashboard) relay(ctx context.Context, r *request) (control.Relay, error) {
	id, err := uuid.Parse(r.path("id"))
	if err != nil {
		return control.Relay{}, errNotFound("relay " + r.path("id"))
	}
	relay, err := control.Get(ctx, d.pool, id)
	return relay, errRelay(err, r.path("id"))
}

// dumpView are the stacks of a relay's goroutines.
type dumpView struct {
	Relay  control.Relay `json:"relay"`
	At     *time.Time    `json:"dumped_at"` // nil: they were never dumped
	Stacks string        `json:"stacks"`
}

// Title is the page's.
func (v dumpView) Title() string { return "Goroutines of relay " + v.Relay.Identity }

func (d *Dashboard) readDump(ctx context.Context, r *request) (any, error) {
	relay, err := d.relay(ctx, r)
	if err != nil {
		return nil, err
	}
	view := dumpView{Relay: relay, At: relay.DumpedAt}
	view.Stacks, _, err = control.Stacks(ctx, d.pool, relay.ID)
	return view, errRelay(err, r.path("id"))
}
