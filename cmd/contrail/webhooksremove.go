package main

import (
	"context"
	"os"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/contrail-events/contrail/subscribers/webhook"
)

// webhooksRemoveVerb removes an endpoint.
type webhooksRemoveVerb struct {
	oneWebhook

	Because string `env:"-" placeholder:"TEXT" help:"Why; kept with what is cancelled."`
	Yes     bool   `short:"y" env:"-" help:"Do not ask."`
	JSON    bool   `name:"json" help:"Print one JSON line."`
}

// Help teaches.
func (*webhooksRemoveVerb) Help() string {
	return `Removes an endpoint and its secrets for good, and cancels what waits for it as endpoint_removed; what was posted to it stays in the ledger. It asks
first. It exits 1 when there is no such endpoint. To stop it for a while, disable it.

Examples:

  contrail webhooks remove 0192d9a1-7c3e-7c4e-9a30-0f3f2f4b5a6c --because 'the customer has left'`
}

// Run removes.
func (v *webhooksRemoveVerb) Run(ctx context.Context, a *app) error {
	return a.withWebhooks(ctx, func(ctx context.Context, pool *pgxpool.Pool) error {
		if !v.Yes {
			endpoint, err := webhook.Get(ctx, pool, v.Endpoint, v.scope())
			if err != nil {
				return err
			}
			question := "endpoint " + endpoint.ID.String() + " (" + printable(endpoint.URL) + ") and its secret will be gone"
			if err := a.confirmChange(ctx, os.Stdin, question, "remove"); err != nil {
				return err
			}
		}
		removed, err := webhook.Remove(ctx, pool, v.Endpoint, v.order(v.Because))
		switch {
		case err != nil:
			return err
		case v.JSON:
			return a.printJSON(removed)
		}
		a.printf("endpoint %s is removed\n", removed.ID)
		return nil
	})
}
