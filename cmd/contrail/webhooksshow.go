package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/contrail-events/contrail/subscribers/webhook"
)

// webhooksShowVerb shows one endpoint.
type webhooksShowVerb struct {
	oneWebhook

	JSON bool `name:"json" help:"Print one JSON line."`
}

// Help teaches.
func (*webhooksShowVerb) Help() string {
	return `Shows one endpoint: what it gets and how, which secret its requests are signed with (and not what that is), how it stands, and
what to do. It exits 1 when there is no such endpoint.

Examples:

  contrail webhooks show 0192d9a1-7c3e-7c4e-9a30-0f3f2f4b5a6c
  contrail webhooks show 0192d9a1-7c3e-7c4e-9a30-0f3f2f4b5a6c --json | jq -r .last_error`
}

// Run shows.
func (v *webhooksShowVerb) Run(ctx context.Context, a *app) error {
	return a.withWebhooks(ctx, func(ctx context.Context, pool *pgxpool.Pool) error {
		endpoint, err := webhook.Get(ctx, pool, v.Endpoint, v.scope())
		switch {
		case err != nil:
			return err
		case v.JSON:
			return a.printJSON(endpoint)
		}
		a.printPairs(webhookRows(endpoint))
		a.printf("\n%s\n", webhookAdvice(endpoint, time.Now()))
		return nil
	})
}

func webhookRows(e webhook.Endpoint) [][]string {
	var rows [][]string
	add := func(name, text string) {
		if text != "" {
			rows = append(rows, []string{name, printable(text)})
		}
	}
	add("endpoint", e.ID.String())
	add("url", e.URL)
	add("description", e.Description)
	add("state", webhookState(e))
	add("reason", e.Reason)
	add("disabled", timeText(e.DisabledAt))
	add("durable", e.Consumer)
	add("tenant", e.Tenant)
	add("events", webhookEvents(e))
	add("secret", e.SecretHint)
	if e.FormerUntil != nil {
		add("former", "valid, too, until "+timeText(e.FormerUntil))
	}
	add("requests", requestsText(e))
	add("attempts", strconv.Itoa(e.MaxAttempts)+" of a delivery, at most")
	if e.Private {
		add("private", "may be in a private network")
	}
	add("last success", orDash(timeText(e.LastSuccessAt)))
	add("last error", e.LastError)
	add("failing since", timeText(e.FailingSince))
	add("open since", timeText(e.OpenedAt))
	add("next probe", timeText(e.ProbeAt))
	if e.HeldBy != "" {
		add("process", e.HeldBy+", until "+orDash(timeText(e.HeldUntil)))
	}
	add("added", byWhom(e.CreatedAt, e.CreatedBy))
	if e.ChangedAt.After(e.CreatedAt) {
		add("changed", byWhom(e.ChangedAt, e.ChangedBy))
	}
	return rows
}

func requestsText(e webhook.Endpoint) string {
	order := "all events in order"
	if e.Concurrency > 1 {
		order = "each stream's events in order"
	}
	return fmt.Sprintf("%d at a time, %s; an answer within %s", e.Concurrency, order, e.Timeout)
}

func byWhom(at time.Time, by string) string {
	text := at.UTC().Format(time.RFC3339)
	if by != "" {
		text += ", by " + by
	}
	return text
}

// webhookAdvice is what to do now.
func webhookAdvice(e webhook.Endpoint, now time.Time) string {
	test := fmt.Sprintf("contrail webhooks test %s%s", e.ID, alsoPrivate(e))
	switch {
	case e.State == webhook.StateDisabled:
		return fmt.Sprintf("It gets no events. When it is well again (%s), have it get those that come from then on: contrail webhooks enable %s", test, e.ID)
	case e.OpenedAt != nil:
		return "It has failed so often that only the oldest event is tried, as a probe; the others wait. See what it answers: " + test
	case e.Failures > 0:
		return "Its last request has failed, and is tried again. See what it answers: " + test
	case e.HeldUntil == nil || e.HeldUntil.Before(now):
		return "No process posts to it at the moment; contrail webhooks run --durable " + printable(e.Consumer) + " does."
	}
	return "All is well. What it got: contrail webhooks deliveries " + e.ID.String()
}
