package main

import (
	"context"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/contrail-events/contrail/subscribers/webhook"
)

// webhooksEnableVerb enables an endpoint.
type webhooksEnableVerb struct {
	oneWebhook

	JSON bool `name:"json" help:"Print one JSON line."`
}

// Help teaches.
func (*webhooksEnableVerb) Help() string {
	return `Has events posted to an endpoint again that was disabled, by a person or since it had failed for long: those that come from now on. What was
cancelled stays so, unless it is had sent by "contrail deliveries redrive". One that is enabled already stays as it is. Try it before, with
"contrail webhooks test".

Examples:

  contrail webhooks enable 0192d9a1-7c3e-7c4e-9a30-0f3f2f4b5a6c`
}

// Run enables.
func (v *webhooksEnableVerb) Run(ctx context.Context, a *app) error {
	return a.withWebhooks(ctx, func(ctx context.Context, pool *pgxpool.Pool) error {
		endpoint, err := webhook.Enable(ctx, pool, v.Endpoint, v.order(""))
		switch {
		case err != nil:
			return err
		case v.JSON:
			return a.printJSON(endpoint)
		}
		a.printf("endpoint %s is enabled\n", endpoint.ID)
		return nil
	})
}
