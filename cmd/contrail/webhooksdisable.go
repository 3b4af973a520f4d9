package main

import (
	"context"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/contrail-events/contrail/subscribers/webhook"
)

// webhooksDisableVerb disables an endpoint.
type webhooksDisableVerb struct {
	oneWebhook

	Because string `env:"-" placeholder:"TEXT" help:"Why, for others to see."`
	JSON    bool   `name:"json" help:"Print one JSON line."`
}

// Help teaches.
func (*webhooksDisableVerb) Help() string {
	return `Has nothing more posted to an endpoint until it is enabled: what waits is cancelled as endpoint_disabled, and what happens meanwhile is not for it. A
request that is under way is the last one. What was cancelled can be had sent later, one by one, by "contrail deliveries redrive". An
endpoint that is disabled already stays as it is.

Examples:

  contrail webhooks disable 0192d9a1-7c3e-7c4e-9a30-0f3f2f4b5a6c --because 'the customer moves house'`
}

// Run disables.
func (v *webhooksDisableVerb) Run(ctx context.Context, a *app) error {
	return a.withWebhooks(ctx, func(ctx context.Context, pool *pgxpool.Pool) error {
		endpoint, err := webhook.Disable(ctx, pool, v.Endpoint, v.order(v.Because))
		switch {
		case err != nil:
			return err
		case v.JSON:
			return a.printJSON(endpoint)
		}
		text := "since " + timeText(endpoint.DisabledAt)
		if endpoint.ChangedBy != "" {
			text += " by " + endpoint.ChangedBy
		}
		if endpoint.Reason != "" {
			text += ": " + endpoint.Reason
		}
		a.printf("endpoint %s is disabled %s\n", endpoint.ID, printable(text))
		return nil
	})
}

// order is who says so, and about whose endpoint.
func (o oneWebhook) order(because string) webhook.Order {
	return webhook.Order{By: person(), Because: because, Tenant: o.Tenant}
}
