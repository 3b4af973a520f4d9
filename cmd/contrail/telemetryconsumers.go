package main

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail/internal/invoicing"
	"github.com/contrail-events/contrail/internal/picture"
	"github.com/contrail-events/contrail/subscribers/webhook"
)

// situation is what the metrics of the whole are about.
func (v *subscribeVerb) situation() picture.Config {
	return picture.Config{Stream: v.Stream, Prefix: v.Prefix, DeadLetters: v.DeadLetters}
}

// situation is what the metrics of the whole are about.
func (v *webhooksRunVerb) situation() picture.Config {
	return picture.Config{Stream: v.Stream, Prefix: v.Prefix, DeadLetters: v.DeadLetters}
}

// tell tells of the parts that run here. Of ledgers and runs there is nothing to watch: what hangs there loses its lease, and another process takes it over.
func (v *subscribeVerb) tell(ctx context.Context, a *app, c consumers, pool *pgxpool.Pool, js jetstream.JetStream) (end func(), err error) {
	health := a.telemetry.Health()
	watchPostgres(health, "postgres", pool)
	watchNATS(health, js)
	names := []string{invoicing.SummaryName, invoicing.OverdueName, invoicing.StatementName}
	for i, one := range c.projections {
		watchLoops(health, "projection "+names[i], one)
	}
	if slices.Contains(v.Parts, partNotifications) {
		watchLoops(health, "subscription "+v.Durable, c.notifications)
	}
	if c.hooks != nil {
		watchLoops(health, "webhooks "+v.WebhooksDurable, c.hooks)
	}
	return a.tellSituation(ctx, js, v.situation())
}

// tell tells of the endpoints that are posted to.
func (v *webhooksRunVerb) tell(ctx context.Context, a *app, hooks *webhook.Hooks, pool *pgxpool.Pool, js jetstream.JetStream) (end func(), err error) {
	health := a.telemetry.Health()
	watchPostgres(health, "postgres", pool)
	watchNATS(health, js)
	watchLoops(health, "webhooks "+v.Durable, hooks)
	return a.tellSituation(ctx, js, v.situation())
}
