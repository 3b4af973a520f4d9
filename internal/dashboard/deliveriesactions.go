package dashboard

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/contrail-events/contrail/internal/audit"
	"github.com/contrail-events/contrail/subscribers/deliveries"
)

// deliveryActions are what can be decided about deliveries and endpoints.
func (d *Dashboard) deliveryActions() []action {
	delivery := func(r *request) string { return "delivery " + r.path("id") }
	endpoint := func(r *request) string { return "webhook " + r.path("id") }
	return []action{
		{pattern: "/deliveries/{id}/redrive", name: "delivery.redrive", target: delivery, do: d.decideDelivery(deliveries.Redrive)},
		{pattern: "/deliveries/{id}/cancel", name: "delivery.cancel", target: delivery, do: d.decideDelivery(deliveries.Cancel)},
		{pattern: "/deliveries/{id}/recover", name: "delivery.recover", target: delivery, do: d.recoverDelivery},
		{pattern: "/webhooks/{id}/test", name: "webhook.test", target: endpoint, do: d.testWebhook},
		{pattern: "/webhooks/{id}/enable", name: "webhook.enable", target: endpoint, do: d.enableWebhook},
		{pattern: "/webhooks/{id}/disable", name: "webhook.disable", target: endpoint, do: d.disableWebhook},
		{pattern: "/webhooks/{id}/rotate", name: "webhook.rotate", target: endpoint, do: d.rotateWebhook, answer: "webhookssecret.html"},
	}
}

// decide is one of package deliveries' decisions about one delivery.
type decide func(ctx context.Context, db deliveries.Beginner, id uuid.UUID, order deliveries.Order) (deliveries.Decided, error)

// decideDelivery lets a delivery alone that has changed since the person looked at it.
func (d *Dashboard) decideDelivery(do decide) func(ctx context.Context, r *request) ([]audit.Result, error) {
	return func(ctx context.Context, r *request) ([]audit.Result, error) {
		id, err := uuid.Parse(r.path("id"))
		if err != nil {
			return nil, errNotFound("delivery " + r.path("id"))
		}
		if r.reason() == "" {
			return nil, errBadInput("no reason is given; say why: it is kept in the timeline")
		}
		seen, err := r.formTime("seen")
		if err != nil {
			return nil, err
		}
		order := deliveries.Order{By: r.by(), Because: r.reason(), Seen: seen, Force: r.form("force") == "yes"}
		if err := order.Validate(); err != nil {
			return nil, errBadInput(err.Error())
		}
		told, err := do(ctx, d.pool, id, order)
		if err != nil {
			return nil, errDelivery(err, r.path("id"))
		}
		detail := "delivery " + told.ID.String() + " " + told.Text
		if told.Done {
			return oneDone("delivery "+told.ID.String(), detail), nil
		}
		return oneRefused("delivery "+told.ID.String(), detail), nil
	}
}

// recoverDelivery takes the process of its attempt for dead, if the attempt's lease is over.
func (d *Dashboard) recoverDelivery(ctx context.Context, r *request) ([]audit.Result, error) {
	id, err := uuid.Parse(r.path("id"))
	if err != nil {
		return nil, errNotFound("delivery " + r.path("id"))
	}
	because := r.reason()
	if because == "" {
		because = "the lease was over"
	}
	what := "delivery " + id.String()
	recovered, err := deliveries.Recover(ctx, d.pool, deliveries.RecoverOptions{Delivery: id, By: r.by(), Because: because})
	switch {
	case err != nil:
		return nil, err
	case len(recovered) > 0:
		return oneDone(what, what+" "+recoveredText(recovered[0])), nil
	}
	timeline, err := deliveries.Explain(ctx, d.pool, id, deliveries.Scope{})
	if errors.Is(err, deliveries.ErrNotFound) {
		return nil, errDelivery(err, r.path("id"))
	}
	if err != nil {
		return nil, err
	}
	return oneRefused(what, fmt.Sprintf("%s is not stuck: it is %s (%s)", what, timeline.State, timeline.Standing)), nil
}

// recoveredText says what became of it.
func recoveredText(one deliveries.Recovered) string {
	text := fmt.Sprintf("is recovered: nobody knows whether attempt %d took effect, and ", one.Attempt)
	switch {
	case one.State == deliveries.Cancelled:
		return text + "it is cancelled"
	case one.Due.IsZero():
		return text + "it is held for a person"
	}
	return text + "it is sent again at " + one.Due.UTC().Format(time.RFC3339)
}
