package dashboard

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/subscribers/deliveries"
	"github.com/contrail-events/contrail/subscribers/webhook"
)

// deliveryPages are those about what subscribers do outside the database.
func (d *Dashboard) deliveryPages() []page {
	return []page{
		{pattern: "/deliveries", section: "/deliveries", title: "Deliveries", template: "deliveries.html", read: d.readDeliveries},
		{pattern: "/deliveries/{id}", section: "/deliveries", title: "Delivery", template: "deliveriesone.html", every: 2 * time.Second, read: d.readDelivery},
		{pattern: "/webhooks", section: "/webhooks", title: "Webhooks", template: "webhooks.html", every: 3 * time.Second, read: d.readWebhooks},
		{pattern: "/webhooks/{id}", section: "/webhooks", title: "Webhook", template: "webhooksone.html", every: 3 * time.Second, read: d.readWebhook},
	}
}

// deliveriesView is a page of deliveries, the newest first.
type deliveriesView struct {
	Items []deliveries.Record `json:"items"`
	Pager

	// Looked is the last delivery that was looked at, where no index leads to what is asked for; zero: all was looked at, or the page is full.
	Looked uuid.UUID `json:"looked,omitzero"`

	Filter url.Values `json:"-"`
}

// Incomplete tells whether there may be more before the page is full.
func (v *deliveriesView) Incomplete() bool { return v.Looked != uuid.Nil }

// Filtered tells whether anything is left aside.
func (v *deliveriesView) Filtered() bool { return isFiltered(v.Filter) }

// isFiltered tells whether an address asks for anything but a part of the whole list.
func isFiltered(query url.Values) bool {
	for name, values := range query {
		if !slices.Contains([]string{"after", "before", "limit", "live", "format", "order"}, name) && strings.Join(values, "") != "" {
			return true
		}
	}
	return false
}

// Webhook tells whether a delivery goes to an endpoint, whose id is the recipient.
func (*deliveriesView) Webhook(one deliveries.Record) bool { return one.Channel == webhook.Channel }

func (d *Dashboard) readDeliveries(ctx context.Context, r *request) (any, error) {
	filter, err := deliveryFilter(r)
	if err != nil {
		return nil, err
	}
	rows, err := r.limit()
	if err != nil {
		return nil, err
	}
	view := &deliveriesView{Items: []deliveries.Record{}, Filter: r.query()}
	return view, d.fillDeliveries(ctx, view, filter, rows)
}

// fillDeliveries reads a page of what the filter selects.
func (d *Dashboard) fillDeliveries(ctx context.Context, view *deliveriesView, filter deliveries.Filter, rows int) error {
	back := filter.OldestFirst
	began := filter.After != uuid.Nil
	filter.Limit = int64(rows) + 1
	found, err := deliveries.Browse(ctx, d.pool, filter)
	if err != nil {
		return err
	}
	items := found.Records
	more := len(items) > rows
	items = items[:min(len(items), rows)]
	next := ""
	switch {
	case more:
		next = items[len(items)-1].ID.String()
	case found.Looked != uuid.Nil:
		view.Looked, next = found.Looked, found.Looked.String()
	}
	if back {
		slices.Reverse(items)
	}
	view.Items = append(view.Items, items...)
	other := ""
	if began && len(items) > 0 {
		other = items[0].ID.String()
		if back {
			other = items[len(items)-1].ID.String()
		}
	}
	if view.Pager = (Pager{Newer: other, Older: next}); back {
		view.Pager = Pager{Newer: next, Older: other}
	}
	return nil
}

// deliveryFilter is what the address asks for. The error names every field that is wrong.
func deliveryFilter(r *request) (deliveries.Filter, error) {
	query := r.query()
	field := func(name string) string { return strings.TrimSpace(query.Get(name)) }
	filter := deliveries.Filter{
		Consumer: field("consumer"), Channel: field("channel"), Recipient: field("recipient"), Tenant: field("tenant"), Type: field("type"),
	}
	for _, state := range query["state"] {
		if state != "" {
			filter.States = append(filter.States, deliveries.State(state))
		}
	}
	for _, standing := range query["standing"] {
		if standing != "" {
			filter.Standings = append(filter.Standings, deliveries.Standing(standing))
		}
	}
	if reason := field("reason"); reason != "" {
		filter.Reasons = []deliveries.Reason{deliveries.Reason(reason)}
	}
	var faults fieldFaults
	filter.Event = faults.uuid("event", field("event"))
	if text := field("stream"); text != "" {
		var err error
		filter.Stream, err = contrail.ParseStreamID(text)
		faults.check("stream", err == nil, "%q is no stream of events, such as invoice-42", text)
	}
	filter.Since, filter.Until = faults.moment("since", field("since"), r), faults.moment("until", field("until"), r)
	if filter.After = faults.uuid("before", field("before")); filter.After == uuid.Nil {
		filter.After = faults.uuid("after", field("after"))
		filter.OldestFirst = filter.After != uuid.Nil
	}
	if err := filter.Validate(); err != nil {
		for fault := range strings.SplitSeq(strings.ReplaceAll(err.Error(), "deliveries.Filter: ", ""), "\n") {
			faults.faults = append(faults.faults, fault)
		}
	}
	return filter, faults.err()
}

// uuid reads an id; empty is the zero one.
func (f *fieldFaults) uuid(name, text string) uuid.UUID {
	if text == "" {
		return uuid.Nil
	}
	id, err := uuid.Parse(text)
	f.check(name, err == nil, "%q is no id, such as 0192d9a1-7c3e-7c4e-9a30-0f3f2f4b5a6c", text)
	return id
}

// errDelivery says that a delivery is not there in the words of the dashboard.
func errDelivery(err error, id string) error {
	if errors.Is(err, deliveries.ErrNotFound) {
		return errNotFound("delivery " + id)
	}
	return err
}
