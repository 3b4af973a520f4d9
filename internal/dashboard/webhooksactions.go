package dashboard

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/contrail-events/contrail/internal/audit"
	"github.com/contrail-events/contrail/subscribers/webhook"
)

// testWebhook posts an event of the type contrail.test, from this process.
func (d *Dashboard) testWebhook(ctx context.Context, r *request) ([]audit.Result, error) {
	id, err := uuid.Parse(r.path("id"))
	if err != nil {
		return nil, errNotFound("webhook " + r.path("id"))
	}
	tested, err := webhook.Test(ctx, d.pool, id, webhook.TestOptions{AllowPrivate: r.form("allow_private") == "yes"})
	if err != nil {
		return nil, errWebhook(err, r.path("id"))
	}
	what := "webhook " + id.String()
	took := tested.Duration.Round(time.Microsecond)
	if tested.OK() {
		return oneDone(what, fmt.Sprintf("it has taken the test event %s within %s: %s", tested.WebhookID, took, tested.Response)), nil
	}
	result := audit.Result{What: what, Outcome: audit.Failed, Detail: fmt.Sprintf("it has not taken the test event %s, after %s: %s", tested.WebhookID, took, tested.Error)}
	if tested.Response != "" {
		result.Detail += "; it answered " + tested.Response
	}
	return []audit.Result{result}, nil
}

func (d *Dashboard) enableWebhook(ctx context.Context, r *request) ([]audit.Result, error) {
	id, err := uuid.Parse(r.path("id"))
	if err != nil {
		return nil, errNotFound("webhook " + r.path("id"))
	}
	endpoint, err := webhook.Enable(ctx, d.pool, id, webhook.Order{By: r.by(), Because: r.reason()})
	if err != nil {
		return nil, errWebhook(err, r.path("id"))
	}
	return oneDone("webhook "+id.String(), "it is "+string(endpoint.State)+": it gets the events that come from now on; what was cancelled stays so, until it is redriven"), nil
}

func (d *Dashboard) disableWebhook(ctx context.Context, r *request) ([]audit.Result, error) {
	id, err := uuid.Parse(r.path("id"))
	if err != nil {
		return nil, errNotFound("webhook " + r.path("id"))
	}
	if r.reason() == "" {
		return nil, errBadInput("no reason is given; say why: others see it")
	}
	endpoint, err := webhook.Disable(ctx, d.pool, id, webhook.Order{By: r.by(), Because: r.reason()})
	if err != nil {
		return nil, errWebhook(err, r.path("id"))
	}
	text := "it is disabled"
	if endpoint.DisabledAt != nil {
		text += " since " + endpoint.DisabledAt.UTC().Format(time.RFC3339)
	}
	if endpoint.ChangedBy != "" {
		text += " by " + endpoint.ChangedBy
	}
	if endpoint.Reason != "" {
		text += ": " + endpoint.Reason
	}
	return oneDone("webhook "+id.String(), text+"; what waited is cancelled as endpoint_disabled"), nil
}

// rotatedView is the answer to the one form that makes a secret. It is shown once, and kept nowhere.
type rotatedView struct {
	Endpoint webhook.Endpoint
	Secret   string
}

// Title is what the page is about.
func (*rotatedView) Title() string { return "The new secret" }

// rotateWebhook replaces a secret. The new one is in the page that answers, and not in the results.
func (d *Dashboard) rotateWebhook(ctx context.Context, r *request) ([]audit.Result, error) {
	id, err := uuid.Parse(r.path("id"))
	if err != nil {
		return nil, errNotFound("webhook " + r.path("id"))
	}
	keep, err := keepOf(r.form("keep"))
	if err != nil {
		return nil, err
	}
	if wantsJSON(r.http) {
		return nil, errBadInput("the new secret would be lost: a page shows it once, JSON does not have it; use contrail webhooks rotate --json")
	}
	endpoint, secret, err := webhook.Rotate(ctx, d.pool, id, webhook.Rotation{Keep: keep, By: r.by()})
	if err != nil {
		return nil, errWebhook(err, r.path("id"))
	}
	r.answer = &rotatedView{endpoint, secret.Reveal()}
	text := "requests are signed with a new secret, " + secret.String()
	if endpoint.FormerUntil != nil {
		text += ", and with the former one, too, until " + endpoint.FormerUntil.UTC().Format(time.RFC3339)
	}
	return oneDone("webhook "+id.String(), text), nil
}

const longestKeep = 30 * 24 * time.Hour // the package's bound

// keepOf is how long the former secret stays valid.
func keepOf(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil // the default
	}
	keep, err := agoOf(text)
	if err != nil || keep < 0 || keep > longestKeep {
		return 0, errBadInput(fmt.Sprintf("keep is %q; give how long as 36h or 7d, up to 30d, or 0s", text))
	}
	if keep == 0 {
		keep = -1
	}
	return keep, nil
}
