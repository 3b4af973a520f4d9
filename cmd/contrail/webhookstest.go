package main

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/contrail-events/contrail/subscribers/webhook"
)

// webhooksTestVerb tests an endpoint.
type webhooksTestVerb struct {
	oneWebhook

	AllowPrivate bool `env:"-" help:"Ask an endpoint that may be in a private network there."`
	JSON         bool `name:"json" help:"Print one JSON line."`
}

// Help teaches.
func (*webhooksTestVerb) Help() string {
	return `Posts an event of the type contrail.test to an endpoint, once, from this machine, and tells what it answers and how long it takes. It is signed as
all others, also with a secret that is being replaced, so that a receiver can be tried before there is anything to send. It is posted to an
endpoint that is disabled, too; it stands in no list of deliveries, and counts neither as a failure nor as a success.

It exits 0 when the endpoint has taken it, with an answer of 2xx, and 1 when it has not.

Examples:

  contrail webhooks test 0192d9a1-7c3e-7c4e-9a30-0f3f2f4b5a6c
  contrail webhooks test 0192d9a1-7c3e-7c4e-9a30-0f3f2f4b5a6c --json | jq .status`
}

// Run tests.
func (v *webhooksTestVerb) Run(ctx context.Context, a *app) error {
	return a.withWebhooks(ctx, func(ctx context.Context, pool *pgxpool.Pool) error {
		tested, err := webhook.Test(ctx, pool, v.Endpoint, webhook.TestOptions{Tenant: v.Tenant, AllowPrivate: v.AllowPrivate})
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if v.JSON {
			err = a.printJSON(tested)
		} else {
			a.printTested(tested)
		}
		if err == nil && !tested.OK() {
			err = errNotSo
		}
		return err
	})
}

func (a *app) printTested(tested webhook.Tested) {
	rows := [][]string{{"endpoint", tested.Endpoint.String()}, {"webhook-id", tested.WebhookID.String()}}
	if tested.Status > 0 {
		rows = append(rows, []string{"answer", printable(tested.Response)})
	}
	rows = append(rows, []string{"after", tested.Duration.Round(time.Microsecond).String()})
	a.printPairs(rows)
	if tested.OK() {
		a.printf("\n%s\n", a.paint(green, "OK: the endpoint has taken the event."))
		return
	}
	a.printf("\n%s\n", a.paint(red, "NOT OK: "+printable(tested.Error)))
}
