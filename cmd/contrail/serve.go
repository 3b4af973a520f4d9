package main

import (
	"context"
	"errors"
	"net"
	"runtime/debug"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"github.com/contrail-events/contrail/domain"
	"github.com/contrail-events/contrail/internal/api"
	"github.com/contrail-events/contrail/internal/invoicing"
)

// serveVerb runs the worked example's HTTP API.
type serveVerb struct {
	keysFlag
	telemetryFlags

	Listen      string `default:"127.0.0.1:8080" placeholder:"HOST:PORT" help:"Where to listen; port 0 is any free one."`
	Connections int    `default:"16" help:"Database connections, at most."`
	MaxRequests int    `default:"256" help:"Requests at work at a time; more are refused with status 503."`

	RequestTimeout time.Duration `default:"15s" help:"How long the work on a request may take."`
	BodyTimeout    time.Duration `default:"10s" help:"How long the body of a request may take to arrive."`
	IdleTimeout    time.Duration `default:"2m" help:"How long a connection is kept without a request."`
	DrainTimeout   time.Duration `default:"30s" help:"How long the requests at work may still take after a signal."`
	ReadWait       time.Duration `default:"5s" help:"How long a read model is waited for that has not come to ?at_least yet; below --request-timeout."`
	MaxBodyBytes   int64         `default:"1048576" help:"The longest body that is read."`
	KeepAnswers    string        `default:"7d" placeholder:"7d" help:"How long an Idempotency-Key is remembered, as 36h or 7d."`
}

// Help teaches.
func (*serveVerb) Help() string {
	return `Serves the worked example over HTTP, until SIGINT, SIGTERM or SIGHUP: organisations, contacts and invoices under /accountify. The routes
are described at /openapi.json, and for people at /docs. It needs the database alone, with the tables of "contrail migrate --example"; the
read models (summary, statement, overdue) follow when "contrail relay" and "contrail subscribe" run, too. Any number of processes may
serve side by side.

Every request says in X-Tenant-Id whose data it is about, and is believed: put something in front that knows who calls, and do not
listen to a network without it. GET /healthz tells whether the process answers, GET /readyz whether it can use the database.

The first signal ends the listening, and the requests at work are answered; then it exits 0. A second one aborts.

Examples:

  contrail migrate --example && contrail serve
  contrail serve --listen 127.0.0.1:0 --log-format json
  curl -H 'X-Tenant-Id: t1' -H 'Content-Type: application/json' -d '{"name":"Acme"}' http://127.0.0.1:8080/accountify/organisation`
}

// Run serves until ctx ends.
func (v *serveVerb) Run(ctx context.Context, a *app) error {
	keep, err := v.check()
	if err != nil {
		return err
	}
	endTelemetry, err := v.startTelemetry(ctx, a)
	if err != nil {
		return err
	}
	defer endTelemetry()
	tuneGC()
	pool, err := a.openStore(ctx, int32(v.Connections)) //nolint:gosec // check bounds it
	if err != nil {
		return err
	}
	defer pool.Close()
	if err := a.inTime(ctx, func(ctx context.Context) error { return invoicing.Check(ctx, pool) }); err != nil {
		return err
	}
	handler, err := v.handler(a, pool)
	if err != nil {
		return err
	}
	watchPostgres(a.telemetry.Health(), "postgres", pool)
	listener, err := v.listen(ctx, a)
	if err != nil {
		return err
	}
	server := api.NewServer(handler, api.ServerConfig{
		ReadTimeout: v.BodyTimeout + api.DefaultHeaderTimeout, WriteTimeout: v.BodyTimeout + v.RequestTimeout + writeGrace, IdleTimeout: v.IdleTimeout, DrainTimeout: v.DrainTimeout, Logger: a.log,
	})
	a.telemetry.Health().Begin()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return server.Run(ctx, listener) })
	group.Go(func() error { pruneAnswers(ctx, pool, keep, a.log); return nil })
	err = group.Wait()
	a.log.InfoContext(context.WithoutCancel(ctx), "stopped")
	return err //nolint:wrapcheck // the server names itself
}

// writeGrace is how long an answer may take to be written.
const writeGrace = 10 * time.Second

func (v *serveVerb) handler(a *app, pool *pgxpool.Pool) (*api.API, error) {
	keys, err := v.keyring()
	if err != nil {
		return nil, err
	}
	transactor, err := invoicing.NewTransactor(pool, invoicing.TransactorConfig{Keys: keys, Tracer: a.telemetry.Tracer(), Meter: a.telemetry.Meter()})
	if err != nil {
		return nil, err
	}
	services, err := invoicing.NewServices(transactor, time.Now, domain.Config{})
	if err != nil {
		return nil, err
	}
	info, _ := debug.ReadBuildInfo()
	handler, err := api.New(api.Config{
		Services: services, Reader: invoicing.NewReader(pool, invoicing.ReaderConfig{Wait: v.ReadWait}),
		Ready: invoicing.Ready(pool), Unavailable: invoicing.Unavailable, Logger: a.log, Version: describeBuild(version, info).Version,
		MaxBodyBytes: v.MaxBodyBytes, MaxRequests: v.MaxRequests, RequestTimeout: v.RequestTimeout, BodyTimeout: v.BodyTimeout,
		TracerProvider: a.telemetry.Tracer(),
	})
	if err != nil {
		return nil, misconfigured(err)
	}
	return handler, nil
}

// check refuses what the library would take for left out, and names the flags. It returns how long answers are kept.
func (v *serveVerb) check() (keep time.Duration, err error) {
	err = errors.Join(
		atLeast("--connections", v.Connections, 1),
		atLeast("--max-requests", v.MaxRequests, 1),
		atLeast("--request-timeout", v.RequestTimeout, 100*time.Millisecond),
		atLeast("--body-timeout", v.BodyTimeout, 100*time.Millisecond),
		atLeast("--idle-timeout", v.IdleTimeout, time.Second),
		atLeast("--drain-timeout", v.DrainTimeout, time.Millisecond),
		atLeast("--read-wait", v.ReadWait, time.Millisecond),
		atLeast("--max-body-bytes", int(v.MaxBodyBytes), 1024),
	)
	keep, unreadable := duration(v.KeepAnswers)
	_, _, wrong := net.SplitHostPort(v.Listen)
	switch {
	case err != nil:
		return 0, err
	case v.Connections > 1000:
		return 0, usagef("--connections is %d; give 1000 or less", v.Connections)
	case v.ReadWait >= v.RequestTimeout:
		return 0, usagef("--read-wait is %s; give less than --request-timeout, which is %s", v.ReadWait, v.RequestTimeout)
	case unreadable != nil || keep < time.Hour:
		return 0, usagef("--keep-answers is %q; give how long as 36h or 7d, an hour or more", v.KeepAnswers)
	case wrong != nil:
		return 0, usagef("--listen is %q; write it as 127.0.0.1:8080, or as :8080 for every address of this machine", v.Listen)
	}
	return keep, nil
}
