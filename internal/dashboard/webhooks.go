package dashboard

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/contrail-events/contrail/subscribers/deliveries"
	"github.com/contrail-events/contrail/subscribers/webhook"
)

// webhooksView is a page of endpoints, in the order in which they were added.
type webhooksView struct {
	Items []endpointRow `json:"items"`
	Pager

	Consumer, Tenant string        `json:"-"`
	State            webhook.State `json:"-"`
	Filtered         bool          `json:"-"`
}

// endpointRow is an endpoint, and how it stands in a word.
type endpointRow struct {
	webhook.Endpoint

	Stands string
}

// MarshalJSON writes the endpoint, which has a form of its own.
func (e endpointRow) MarshalJSON() ([]byte, error) { return e.Endpoint.MarshalJSON() }

// stands is how an endpoint does, in a word.
func stands(e webhook.Endpoint) string {
	switch {
	case e.State == webhook.StateDisabled:
		return "disabled"
	case e.OpenedAt != nil:
		return "open"
	case e.Failures > 0:
		return "failing"
	}
	return "enabled"
}

// Events are those that an endpoint gets, in words.
func (e endpointRow) Events() string {
	text := "all"
	if len(e.Types) > 0 {
		text = strings.Join(e.Types, ", ")
	}
	if len(e.Categories) > 0 {
		text += " of " + strings.Join(e.Categories, ", ")
	}
	return text
}

// readWebhooks reads a page of endpoints, of which there are few: hundreds rather than millions.
func (d *Dashboard) readWebhooks(ctx context.Context, r *request) (any, error) {
	limit, err := r.limit()
	if err != nil {
		return nil, err
	}
	field := func(name string) string { return strings.TrimSpace(r.query().Get(name)) }
	view := &webhooksView{
		Items: []endpointRow{}, Consumer: field("consumer"), Tenant: field("tenant"), State: webhook.State(field("state")), Filtered: isFiltered(r.query()),
	}
	var faults fieldFaults
	faults.check("state", view.State == "" || view.State == webhook.StateEnabled || view.State == webhook.StateDisabled,
		"is %q; give %s or %s", view.State, webhook.StateEnabled, webhook.StateDisabled)
	after, before := faults.uuid("after", field("after")), faults.uuid("before", field("before"))
	if err := faults.err(); err != nil {
		return nil, err
	}
	for endpoint, err := range webhook.List(ctx, d.pool, webhook.Filter{Consumer: view.Consumer, Tenant: view.Tenant, State: view.State}) {
		if err != nil {
			return nil, err
		}
		view.Items = append(view.Items, endpointRow{endpoint, stands(endpoint)})
	}
	view.cut(after, before, limit)
	return view, nil
}

// cut leaves a page of the list. What follows comes by ?before=, as what is older does in other lists.
func (v *webhooksView) cut(after, before uuid.UUID, limit int) {
	from, to := 0, len(v.Items)
	index := func(id uuid.UUID) int {
		for i, item := range v.Items {
			if strings.Compare(item.ID.String(), id.String()) >= 0 {
				return i
			}
		}
		return len(v.Items)
	}
	switch {
	case after != uuid.Nil:
		to = index(after)
		from = max(0, to-limit)
	case before != uuid.Nil:
		from = index(before)
		if from < len(v.Items) && v.Items[from].ID == before {
			from++
		}
	}
	to = min(to, from+limit)
	if from > 0 && from < to {
		v.Newer = v.Items[from].ID.String()
	}
	if to < len(v.Items) && from < to {
		v.Older = v.Items[to-1].ID.String()
	}
	v.Items = v.Items[from:to]
}

// webhookView is one endpoint, and what was posted to it.
type webhookView struct {
	Endpoint endpointRow `json:"endpoint"`
	Advice   string      `json:"advice"` // how it stands, and what to do

	deliveriesView
}

// Title is what the page is about.
func (v *webhookView) Title() string { return "Webhook " + spelled(v.Endpoint.URL) }

// TestFields allow a test to reach an endpoint that may be in a private network.
func (v *webhookView) TestFields() map[string]any {
	if v.Endpoint.Private {
		return map[string]any{"allow_private": "yes"}
	}
	return nil
}

// SecretSince is when the present secret was made, as far as that is known: with the endpoint, which nobody has changed since; else zero.
func (v *webhookView) SecretSince() time.Time {
	const writing = time.Second // the two times of a new row are drawn one after the other
	if v.Endpoint.ChangedAt.Sub(v.Endpoint.CreatedAt) < writing {
		return v.Endpoint.CreatedAt
	}
	return time.Time{}
}

func (d *Dashboard) readWebhook(ctx context.Context, r *request) (any, error) {
	id, err := uuid.Parse(r.path("id"))
	if err != nil {
		return nil, errNotFound("webhook " + r.path("id"))
	}
	endpoint, err := webhook.Get(ctx, d.pool, id, webhook.Scope{})
	if err != nil {
		return nil, errWebhook(err, r.path("id"))
	}
	view := &webhookView{Endpoint: endpointRow{endpoint, stands(endpoint)}, Advice: webhookAdvice(endpoint, r.now)}
	view.Filter = r.query()
	view.Items = []deliveries.Record{}
	filter, err := deliveryFilter(r)
	if err != nil {
		return nil, err
	}
	filter.Consumer, filter.Channel, filter.Recipient = endpoint.Consumer, webhook.Channel, id.String() // an index leads there
	rows, err := r.limit()
	if err != nil {
		return nil, err
	}
	return view, d.fillDeliveries(ctx, &view.deliveriesView, filter, rows)
}

// webhookAdvice is how an endpoint stands, and what to do now.
func webhookAdvice(e webhook.Endpoint, now time.Time) string {
	switch {
	case e.State == webhook.StateDisabled:
		return "It gets no events. When it is well again, which a test shows, enable it: then it gets those that come from then on. What was cancelled meanwhile can be redriven."
	case e.OpenedAt != nil:
		return "It has failed so often that only the oldest event is tried, as a probe; the others wait. Test it to see what it answers."
	case e.Failures > 0:
		return "Its last request has failed, and is tried again. Test it to see what it answers."
	case e.HeldUntil == nil || e.HeldUntil.Before(now):
		return "No process posts to it at the moment; contrail webhooks run --durable " + e.Consumer + " does."
	}
	return "All is well."
}

// errWebhook says that an endpoint is not there in the words of the dashboard.
func errWebhook(err error, id string) error {
	if errors.Is(err, webhook.ErrNotFound) {
		return errNotFound("webhook " + id)
	}
	return err
}
