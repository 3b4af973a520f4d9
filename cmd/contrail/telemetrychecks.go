package main

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail/internal/picture"
	"github.com/contrail-events/contrail/internal/telemetry"
	"github.com/contrail-events/contrail/publisher"
)

// stallBound is how long a loop may do nothing although it has something to do, before /healthz says so.
const stallBound = 30 * time.Second

// faring is what runs in a process, and can tell how it fares.
type faring interface {
	Alive(bound time.Duration) error
	Ready() (what string, err error)
}

// watchLoops has /healthz and /readyz ask something that runs.
func watchLoops(health *telemetry.Health, name string, runs faring) {
	health.Alive(name+" progress", func(context.Context) (string, error) { return "no loop hangs", inWords(runs.Alive(stallBound)) })
	health.Ready(name, func(context.Context) (string, error) {
		what, err := runs.Ready()
		return what, inWords(err)
	})
}

// watchPostgres has /readyz ask for the database.
func watchPostgres(health *telemetry.Health, name string, pool *pgxpool.Pool) {
	health.Ready(name, func(ctx context.Context) (string, error) {
		if err := pool.Ping(ctx); err != nil {
			return "", inWords(connectReason(ctx, err))
		}
		return "reachable", nil
	})
}

// watchNATS has /readyz ask for the broker.
func watchNATS(health *telemetry.Health, js jetstream.JetStream) {
	health.Ready("nats", func(ctx context.Context) (string, error) {
		if !js.Conn().IsConnected() {
			return "", inWords(nats.ErrDisconnected)
		}
		_, err := js.AccountInfo(ctx)
		return "reachable", inWords(err)
	})
}

// inWords is an error that may be shown to whoever asks: a sentence without credentials.
func inWords(err error) error {
	if err == nil {
		return nil
	}
	return errors.New(sentence(err))
}

// tellRelay tells of a relay and what it needs. Of several stores the situation is told of the first one: the others have processes that tell of them, or a dashboard.
func (a *app) tellRelay(ctx context.Context, relay *publisher.Relay, pool *pgxpool.Pool, js jetstream.JetStream, broker brokerFlags) (end func(), err error) {
	health := a.telemetry.Health()
	watchLoops(health, "relay "+broker.Stream, relay)
	if a.databaseFrom != "DATABASE_URL" {
		watchPostgres(health, "postgres of "+broker.Stream, pool)
		return func() {}, nil
	}
	watchPostgres(health, "postgres", pool)
	watchNATS(health, js)
	return a.tellSituation(ctx, js, picture.Config{Stream: broker.Stream, Prefix: broker.Prefix})
}
