package dashboard

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/publisher/parked"
)

// parkedPages are those about the events that relays have left out.
func (d *Dashboard) parkedPages() []page {
	const section = "/parked"
	return []page{
		{pattern: "/parked", section: section, title: "Parked events", template: "parked.html", every: 3 * time.Second, read: d.readParked},
		{pattern: "/parked/{relay}/{position}", section: section, title: "Parked event", template: "parkedevent.html", every: 3 * time.Second, read: d.readParkedEvent},
		{pattern: "/parked/requeue", section: section, title: "Requeue events", template: "parkeddecide.html", read: d.readParkedDecision(requeueParked())},
		{pattern: "/parked/withdraw", section: section, title: "Park events again", template: "parkeddecide.html", read: d.readParkedDecision(withdrawParked())},
		{pattern: "/parked/discard", section: section, title: "Discard events", template: "parkeddecide.html", read: d.readParkedDecision(discardParked())},
	}
}

// parkedView is a page of events that a relay has left out.
type parkedView struct {
	Items []parkedLine `json:"items"`
	Pager

	Relay  string                 `json:"relay"`  // the JetStream stream
	Counts map[parked.State]int64 `json:"counts"` // of all events of the relay

	Filter url.Values        `json:"-"`
	States []parked.State    `json:"-"`
	First  contrail.Position `json:"-"` // the lowest and the highest position on the page
	Last   contrail.Position `json:"-"`
}

// parkedLine is an event, and how many are held behind it.
type parkedLine struct {
	parked.Event

	Holds int64 `json:"holds"` // events of its stream that are held behind a parked one
}

// Row is the value of the event's box.
func (l parkedLine) Row() string { return seenParked(l.Event).String() }

func seenParked(event parked.Event) seen { return seen{uint64(event.Position), event.ChangedAt} } //nolint:gosec // positions are above zero

// Waiting is how many events wait for a person.
func (v *parkedView) Waiting() int64 { return v.Counts[parked.Parked] }

// Has tells whether an event of the page is in the state.
func (v *parkedView) Has(state parked.State) bool {
	return slices.ContainsFunc(v.Items, func(line parkedLine) bool { return line.State == state })
}

func (d *Dashboard) readParked(ctx context.Context, r *request) (any, error) {
	filter, err := d.parkedFilter(r.query())
	if err != nil {
		return nil, err
	}
	keys, err := r.keyset()
	if err != nil {
		return nil, err
	}
	view := &parkedView{Items: []parkedLine{}, Relay: filter.Relay, Filter: r.query(), States: parked.States()}
	if view.Counts, err = parked.Count(ctx, d.pool, filter.Relay); err != nil || keys.before == 1 {
		return view, err
	}
	filter.After, filter.Backwards, filter.Limit = contrail.Position(keys.after), keys.backwards(), int64(keys.rows)+1 //nolint:gosec // 63 bits
	if keys.before > 0 {
		filter.Until = contrail.Position(keys.before) - 1 //nolint:gosec // likewise
	}
	for event, err := range parked.List(ctx, d.pool, filter) {
		if err != nil {
			return nil, err
		}
		view.Items = append(view.Items, parkedLine{Event: event})
	}
	view.page(keys)
	return view, view.countHeld(ctx, d)
}

// page puts the rows into the order that was asked for, and says how one goes on. One row more was read than is shown.
func (v *parkedView) page(keys keyset) {
	more := len(v.Items) > keys.rows
	if more {
		v.Items = v.Items[:keys.rows]
	}
	newestFirst := keys.backwards()
	if newestFirst == keys.oldest {
		slices.Reverse(v.Items)
	}
	if len(v.Items) == 0 {
		return
	}
	v.First, v.Last = v.Items[0].Position, v.Items[len(v.Items)-1].Position
	if v.First > v.Last {
		v.First, v.Last = v.Last, v.First
	}
	older, newer := more, keys.before > 0
	if !newestFirst {
		older, newer = keys.after > 0, more
	}
	if older {
		v.Older = key(uint64(v.First)) //nolint:gosec // positions are above zero
	}
	if newer {
		v.Newer = key(uint64(v.Last)) //nolint:gosec // likewise
	}
}

// countHeld counts what is held behind the parked ones.
func (v *parkedView) countHeld(ctx context.Context, d *Dashboard) error {
	var streams []contrail.StreamID
	for _, line := range v.Items {
		if line.State == parked.Parked {
			streams = append(streams, line.Stream)
		}
	}
	if len(streams) == 0 {
		return nil
	}
	held, err := parked.Behind(ctx, d.pool, v.Relay, streams...)
	for i, line := range v.Items {
		if line.State == parked.Parked {
			v.Items[i].Holds = held[line.Stream]
		}
	}
	return err
}

// parkedFields are the fields of the filter of parked events, in the query and in forms.
func parkedFields() []string { return []string{"relay", "state", "reason", "stream", "category"} }

// parkedFilter is which events are meant, whatever the part of the list.
func (d *Dashboard) parkedFilter(given url.Values) (parked.Filter, error) {
	filter := parked.Filter{Relay: word(given, "relay"), Category: word(given, "category")}
	setDefault(&filter.Relay, d.config.Stream)
	for _, state := range only(given, []string{"state"})["state"] {
		filter.States = append(filter.States, parked.State(state))
	}
	for _, reason := range only(given, []string{"reason"})["reason"] {
		filter.Reasons = append(filter.Reasons, parked.Reason(reason))
	}
	var err error
	if name := word(given, "stream"); name != "" {
		if filter.Stream, err = contrail.ParseStreamID(name); err != nil {
			return filter, errBadInput("stream: " + err.Error())
		}
	}
	if err := filter.Validate(); err != nil {
		return filter, errBadInput(strings.NewReplacer("parked.Filter: ", "", "\n", "; ").Replace(err.Error()))
	}
	return filter, nil
}

// errParked says that an event is not there in the words of the dashboard.
func errParked(err error, position string) error {
	if errors.Is(err, parked.ErrNotFound) {
		return errNotFound("parked event at position " + position)
	}
	return err
}
