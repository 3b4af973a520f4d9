package main

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/contrail-events/contrail/subscribers/webhook"
)

// webhooksListVerb lists endpoints.
type webhooksListVerb struct {
	Durable string `placeholder:"DURABLE" help:"Endpoints that this durable posts to. Default: all."`
	Tenant  string `placeholder:"ID" help:"Endpoints of this tenant alone."`
	State   string `env:"-" enum:"any,enabled,disabled" default:"any" help:"Endpoints in this state, one of ${enum}."`
	JSON    bool   `name:"json" help:"Print JSON lines."`
}

// Help teaches.
func (*webhooksListVerb) Help() string {
	return `Lists the endpoints in the order in which they were added, what they get, and how they stand: enabled; failing, with how many requests
have failed one after another; open, when so many have that it is only probed; disabled. It exits 0 whether there are any or none.

Examples:

  contrail webhooks list
  contrail webhooks list --tenant t-1 --state disabled
  contrail webhooks list --json | jq -r 'select(.failures > 0) | .url'`
}

// Run lists.
func (v *webhooksListVerb) Run(ctx context.Context, a *app) error {
	filter := webhook.Filter{Consumer: v.Durable, Tenant: v.Tenant, State: webhook.State(v.State)}
	if v.State == "any" {
		filter.State = ""
	}
	return a.withWebhooks(ctx, func(ctx context.Context, pool *pgxpool.Pool) error {
		return listing[webhook.Endpoint]{
			title: []string{"endpoint", "state", "tenant", "events", "last success", "url"}, row: webhookRow,
			none: "no endpoints; contrail webhooks add registers one", asJSON: v.JSON,
		}.print(a, webhook.List(ctx, pool, filter))
	})
}

func webhookRow(endpoint webhook.Endpoint) []string {
	return []string{
		endpoint.ID.String(), webhookState(endpoint), orDash(printable(endpoint.Tenant)), webhookEvents(endpoint),
		orDash(timeText(endpoint.LastSuccessAt)), printable(endpoint.URL),
	}
}

// webhookState is how an endpoint stands, in a word or two.
func webhookState(endpoint webhook.Endpoint) string {
	switch {
	case endpoint.State == webhook.StateDisabled:
		return "disabled"
	case endpoint.OpenedAt != nil:
		return "open, " + plural(endpoint.Failures, "failure")
	case endpoint.Failures > 0:
		return "failing, " + plural(endpoint.Failures, "failure")
	}
	return "enabled"
}

// webhookEvents are those that an endpoint gets.
func webhookEvents(endpoint webhook.Endpoint) string {
	text := "all"
	if len(endpoint.Types) > 0 {
		text = printable(strings.Join(endpoint.Types, ", "))
	}
	if len(endpoint.Categories) > 0 {
		text += " of " + printable(strings.Join(endpoint.Categories, ", "))
	}
	return text
}

// timeText is empty for a time that there was not.
func timeText(at *time.Time) string {
	if at == nil {
		return ""
	}
	return at.UTC().Format(time.RFC3339)
}
