package main

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/contrail-events/contrail/subscribers/webhook"
)

// webhooksChangeVerb changes an endpoint. What is not given stays as it is.
type webhooksChangeVerb struct {
	oneWebhook

	URL         *string        `name:"url" env:"-" placeholder:"URL" help:"Where to."`
	Description *string        `env:"-" placeholder:"TEXT" help:"What it is, for others to see."`
	Category    *[]string      `env:"-" placeholder:"CATEGORY" help:"It gets events of these categories and no others; may be given several times."`
	Type        *[]string      `env:"-" placeholder:"TYPE" help:"It gets events of these types and no others; may be given several times."`
	AllEvents   bool           `env:"-" help:"It gets events of all types and categories."`
	Concurrency *int           `env:"-" placeholder:"N" help:"Requests at a time, up to 64. With 1 all events come in order, with more those of each stream of events."`
	Timeout     *time.Duration `env:"-" placeholder:"15s" help:"How long it may take to answer, from 1s to 30s."`
	MaxAttempts *int           `env:"-" placeholder:"N" help:"How often an event is tried before it is given up, from 1 to 100."`

	AllowPrivate *bool `negatable:"" env:"-" help:"It may be in a private network or on this machine, and be http://; or not any more."`
	JSON         bool  `name:"json" help:"Print one JSON line."`
}

// Help teaches.
func (*webhooksChangeVerb) Help() string {
	return `Changes what is given, and leaves the rest as it is. Whoever posts notices within a second. What was planned already is posted to the new URL,
also if it is of a type that the endpoint gets no more. Which tenant and which durable it belongs to does not change: add another one, and
remove this.

Examples:

  contrail webhooks change 0192d9a1-7c3e-7c4e-9a30-0f3f2f4b5a6c --url https://example.com/v2/hooks
  contrail webhooks change 0192d9a1-7c3e-7c4e-9a30-0f3f2f4b5a6c --all-events --concurrency 4`
}

// Run changes.
func (v *webhooksChangeVerb) Run(ctx context.Context, a *app) error {
	if v.AllEvents && (v.Category != nil || v.Type != nil) {
		return usagef("--all-events is given, and --category or --type as well; give one of them")
	}
	if v.nothing() {
		return usagef("nothing is to be changed; give --url, --type, or another flag")
	}
	if err := checkWebhookBounds(v.Concurrency, v.Timeout, v.MaxAttempts); err != nil {
		return err
	}
	return a.withWebhooks(ctx, func(ctx context.Context, pool *pgxpool.Pool) error {
		endpoint, err := webhook.Get(ctx, pool, v.Endpoint, v.scope())
		if err != nil {
			return err
		}
		v.apply(&endpoint)
		if err := inWebhookFlags(endpoint.Validate()); err != nil {
			return err
		}
		endpoint.ChangedBy = person()
		changed, err := webhook.Change(ctx, pool, endpoint)
		switch {
		case err != nil:
			return err
		case v.JSON:
			return a.printJSON(changed)
		}
		a.printPairs(webhookRows(changed))
		return nil
	})
}

func (v *webhooksChangeVerb) nothing() bool {
	return v.URL == nil && v.Description == nil && v.Category == nil && v.Type == nil && !v.AllEvents && v.Concurrency == nil && v.Timeout == nil &&
		v.MaxAttempts == nil && v.AllowPrivate == nil
}

func (v *webhooksChangeVerb) apply(endpoint *webhook.Endpoint) {
	given(&endpoint.URL, v.URL)
	given(&endpoint.Description, v.Description)
	given(&endpoint.Categories, v.Category)
	given(&endpoint.Types, v.Type)
	given(&endpoint.Concurrency, v.Concurrency)
	given(&endpoint.Timeout, v.Timeout)
	given(&endpoint.MaxAttempts, v.MaxAttempts)
	given(&endpoint.Private, v.AllowPrivate)
	if v.AllEvents {
		endpoint.Categories, endpoint.Types = nil, nil
	}
}

func given[T any](field, value *T) {
	if value != nil {
		*field = *value
	}
}
