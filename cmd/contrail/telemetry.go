package main

import (
	"context"
	"log/slog"
	"net"
	"os"
	"runtime/debug"
	"strings"

	"github.com/exaring/otelpgx"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/multitracer"
	"github.com/nats-io/nats.go/jetstream"
	"go.opentelemetry.io/otel/metric/noop"

	"github.com/contrail-events/contrail/internal/picture"
	"github.com/contrail-events/contrail/internal/telemetry"
)

// telemetryFlags are those of the verbs that run until a signal comes.
type telemetryFlags struct {
	Telemetry string `placeholder:"HOST:PORT" help:"Where to serve /metrics, /healthz and /readyz, as in 127.0.0.1:9464. Default: nowhere. Traces and metrics are exported, too, where the OTEL_* variables say so."`
}

// startTelemetry begins to tell of the process, before it has done anything else. end exports what is left; what does not get out is no reason to fail.
func (f telemetryFlags) startTelemetry(ctx context.Context, a *app) (end func(), err error) {
	if _, _, err := net.SplitHostPort(f.Telemetry); f.Telemetry != "" && err != nil {
		return nil, usagef("--telemetry is %q; write it as 127.0.0.1:9464, or as :9464 for every address of this machine", f.Telemetry)
	}
	info, _ := debug.ReadBuildInfo()
	a.telemetry, err = telemetry.Start(ctx, telemetry.Config{
		Service: "contrail-" + strings.ReplaceAll(a.verb, " ", "-"), Version: describeBuild(version, info).Version,
		Listen: f.Telemetry, Getenv: os.Getenv, Logger: a.log,
	})
	if err != nil {
		return nil, err
	}
	return func() {
		if err := a.telemetry.Shutdown(ctx); err != nil {
			a.log.WarnContext(ctx, "the last of the telemetry was not exported", slog.Any("error", err))
		}
	}, nil
}

// traceQueries makes a span of each query that is part of something that has one, where traces are exported.
func (a *app) traceQueries(config *pgx.ConnConfig) {
	tracer := a.telemetry.Tracer()
	if tracer == nil {
		return
	}
	queries := otelpgx.NewTracer(otelpgx.WithTracerProvider(tracer), otelpgx.WithMeterProvider(noop.NewMeterProvider()))
	if config.Tracer != nil {
		config.Tracer = multitracer.New(config.Tracer, queries)
		return
	}
	config.Tracer = queries
}

// gaugesConnections are those that the situation is read with, for metrics. They are not the verb's own: a scrape must not keep it from its work.
const gaugesConnections = 2

// tellSituation has scrapes see the whole situation of a stream. end stops that.
func (a *app) tellSituation(ctx context.Context, js jetstream.JetStream, of picture.Config) (end func(), err error) {
	meter := a.telemetry.Meter()
	if meter == nil {
		return func() {}, nil
	}
	pool, err := a.openPool(ctx, gaugesConnections)
	if err != nil {
		return nil, err
	}
	gauges, err := telemetry.NewGauges(ctx, meter, picture.New(pool, js, of), telemetry.GaugesConfig{Stream: of.Stream, Database: pool})
	if err != nil {
		pool.Close()
		return nil, err
	}
	return func() {
		if err := gauges.Close(); err != nil {
			a.log.DebugContext(ctx, "stop telling the situation", slog.Any("error", err))
		}
		pool.Close()
	}, nil
}
