package main

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/contrail-events/contrail/subscribers/webhook"
)

// webhooksAddVerb registers an endpoint.
type webhooksAddVerb struct {
	URL string `arg:"" help:"Where to, as in https://example.com/hooks."`

	Durable     string        `default:"webhooks" help:"The durable consumer that posts to it: that of contrail webhooks run, or of your own program."`
	Tenant      string        `placeholder:"ID" help:"It gets events with this tenant id alone. Default: those of all."`
	Description string        `env:"-" placeholder:"TEXT" help:"What it is, for others to see."`
	Category    []string      `env:"-" placeholder:"CATEGORY" help:"It gets events of this category, the part of a stream of events before its first '-'; may be given several times. Default: all."`
	Type        []string      `env:"-" placeholder:"TYPE" help:"It gets events of this type; may be given several times. Default: all."`
	Concurrency int           `env:"-" default:"1" help:"Requests at a time, up to 64. With 1 all events come in order, with more those of each stream of events."`
	Timeout     time.Duration `env:"-" default:"15s" help:"How long it may take to answer, from 1s to 30s."`
	MaxAttempts int           `env:"-" default:"10" help:"How often an event is tried before it is given up, from 1 to 100."`

	AllowPrivate bool `env:"-" help:"It may be in a private network or on this machine, and be http://; whoever posts has to allow it, too."`

	secretFlag

	JSON bool `name:"json" help:"Print one JSON line."`
}

// Help teaches.
func (*webhooksAddVerb) Help() string {
	return `Registers an endpoint. It gets the events that are appended from now on and that it wants, each as a request: POST with the CloudEvent as JSON,
signed by the Standard Webhooks (https://www.standardwebhooks.com), for which there are libraries in many languages to verify it with. An
event has arrived when the answer is 2xx; all else is tried again. A receiver must expect an event twice, and know it by the header webhook-id.

The secret that requests are signed with is printed, this once. What is posted by "contrail webhooks run" is listed by "contrail webhooks
deliveries". Private networks are out of bounds unless --allow-private is given, here and there. It exits 2 when the URL, or a flag, is wrong.

Examples:

  contrail webhooks add https://example.com/hooks --type InvoiceIssued --type InvoicePaid
  contrail webhooks add https://example.com/hooks --tenant t-1 --concurrency 8 --json | jq -r .secret
  contrail webhooks add http://localhost:8080/ --allow-private`
}

// Run registers.
func (v *webhooksAddVerb) Run(ctx context.Context, a *app) error {
	if err := checkWebhookBounds(&v.Concurrency, &v.Timeout, &v.MaxAttempts); err != nil {
		return err
	}
	endpoint := webhook.Endpoint{
		Consumer: v.Durable, Tenant: v.Tenant, URL: v.URL, Description: v.Description, Categories: v.Category, Types: v.Type,
		Concurrency: v.Concurrency, Timeout: v.Timeout, MaxAttempts: v.MaxAttempts, Private: v.AllowPrivate, CreatedBy: person(),
	}
	if err := inWebhookFlags(endpoint.Validate()); err != nil {
		return err
	}
	secret, err := v.secret(os.Stdin)
	if err != nil {
		return err
	}
	return a.withWebhooks(ctx, func(ctx context.Context, pool *pgxpool.Pool) error {
		added, secret, err := webhook.Add(ctx, pool, endpoint, secret)
		if err != nil {
			return err
		}
		if !v.JSON {
			a.printf("endpoint  %s\n", added.ID)
		}
		if err := a.tellSecret(added, secret, v.JSON); err != nil || v.JSON {
			return err
		}
		a.note("Try it: contrail webhooks test %s%s\n", added.ID, alsoPrivate(added))
		return nil
	})
}

// checkWebhookBounds refuses what the package would take for left out. Nil is not given.
func checkWebhookBounds(concurrency *int, timeout *time.Duration, maxAttempts *int) error {
	return errors.Join(
		atLeastIfGiven("--concurrency", concurrency, 1), atLeastIfGiven("--timeout", timeout, time.Second), atLeastIfGiven("--max-attempts", maxAttempts, 1))
}

func atLeastIfGiven[T int | time.Duration](flag string, value *T, least T) error {
	if value == nil {
		return nil
	}
	return atLeast(flag, *value, least)
}

// alsoPrivate is what commands need that post to the endpoint.
func alsoPrivate(endpoint webhook.Endpoint) string {
	if endpoint.Private {
		return " --allow-private"
	}
	return ""
}
