package main

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"runtime/debug"
	"strings"
	"sync/atomic"

	"github.com/contrail-events/contrail/internal/dashboard"
	"github.com/contrail-events/contrail/internal/picture"
)

// dashboardVerb is the pages on which a person watches and acts.
type dashboardVerb struct {
	Serve    dashboardServeVerb    `cmd:"" default:"withargs" help:"Serve the dashboard until a signal comes; may be left out."`
	Password dashboardPasswordVerb `cmd:"" help:"Make a line of the file of users."`
}

// Help teaches.
func (*dashboardVerb) Help() string {
	return `Without a further word it serves: "contrail dashboard" is "contrail dashboard serve", whose flags it takes, and whose help tells more.

Examples:

  contrail dashboard
  contrail dashboard serve --help`
}

// dashboardServeVerb serves them.
type dashboardServeVerb struct {
	brokerFlags
	telemetryFlags

	Listen      string `env:"CONTRAIL_DASHBOARD_LISTEN" default:"127.0.0.1:8088" placeholder:"HOST:PORT" help:"Where to listen; port 0 is any free one. Beyond loopback a token or a file of users is needed."`
	DeadLetters string `default:"DEADLETTERS" help:"The JetStream stream of dead letters."`
	Connections int    `default:"8" help:"Database connections, at most."`

	Token       string   `env:"CONTRAIL_DASHBOARD_TOKEN" placeholder:"TOKEN" help:"What operators log in with, or send as a bearer token: 16 characters or more. Better by the variable: flags stand in lists of processes."`
	ViewerToken string   `env:"CONTRAIL_DASHBOARD_VIEWER_TOKEN" placeholder:"TOKEN" help:"Likewise, for those who may only look."`
	Users       string   `env:"CONTRAIL_DASHBOARD_USERS" placeholder:"FILE" help:"A file of lines name:role:hash, as \"contrail dashboard password\" makes them. It is read again when it changes."`
	TLSCert     string   `name:"tls-cert" env:"CONTRAIL_DASHBOARD_TLS_CERT" placeholder:"FILE" help:"The certificate to serve HTTPS with, and those that it is signed by, in PEM."`
	TLSKey      string   `name:"tls-key" env:"CONTRAIL_DASHBOARD_TLS_KEY" placeholder:"FILE" help:"Its private key, in PEM."`
	TrustProxy  []string `name:"trusted-proxy" env:"CONTRAIL_DASHBOARD_TRUSTED_PROXY" placeholder:"ADDRESS" help:"A proxy, or a network of them as 10.0.0.0/8, that is believed in X-Forwarded-For and X-Forwarded-Proto; may be given several times."`
}

// Help teaches.
func (*dashboardServeVerb) Help() string {
	return `Serves the dashboard, until SIGINT, SIGTERM or SIGHUP: pages on which one sees live how things stand, finds any event and what became of it,
and looks after relays, consumers, dead letters, parked events, deliveries, webhooks and runs. Each list has a permanent address and a JSON
form (?format=json, or Accept: application/json). What somebody does is written down, before and after, and is on the page Audit.

On loopback, as by default, whoever reaches it may do everything: there the names localhost, 127.0.0.1 and [::1] are answered alone, so that no
page of another site reaches it. Elsewhere it refuses to start without credentials: a token, a second one for viewers, or a file of users.
Viewers see everything and change nothing. Give it a certificate, or put it behind a proxy that has one and name that with --trusted-proxy.

The first signal ends live pages at once, and requests at work are answered; then it exits 0. A second one aborts.

Examples:

  contrail dashboard
  CONTRAIL_DASHBOARD_TOKEN=$(openssl rand -hex 24) contrail dashboard --listen :8088 --tls-cert cert.pem --tls-key key.pem
  contrail dashboard password ada --role operator >> users && contrail dashboard --listen :8088 --users users
  curl -H "Authorization: Bearer $CONTRAIL_DASHBOARD_TOKEN" 'https://dashboard.example.org/dead-letters?format=json'`
}

// Run serves until ctx ends.
func (v *dashboardServeVerb) Run(ctx context.Context, a *app) error {
	config, err := v.config(a)
	if err != nil {
		return err
	}
	endTelemetry, err := v.startTelemetry(ctx, a)
	if err != nil {
		return err
	}
	defer endTelemetry()
	var listening atomic.Bool
	a.telemetry.Health().Ready("dashboard", func(context.Context) (string, error) {
		if !listening.Load() {
			return "", errors.New("it does not listen yet")
		}
		return "listening", nil
	})
	pool, err := a.openStore(ctx, int32(v.Connections)) //nolint:gosec // config bounds it
	if err != nil {
		return err
	}
	defer pool.Close()
	js, closeNATS, err := a.openJetStream(ctx, v.brokerFlags)
	if err != nil {
		return err
	}
	defer closeNATS()
	board, err := dashboard.New(pool, js, config) //nolint:contextcheck // its handlers take the requests' own
	if err != nil {
		return inDashboardFlags(err)
	}
	watchPostgres(a.telemetry.Health(), "postgres", pool)
	watchNATS(a.telemetry.Health(), js)
	endTelling, err := a.tellSituation(ctx, js, picture.Config{Stream: v.Stream, Prefix: v.Prefix, DeadLetters: v.DeadLetters})
	if err != nil {
		return err
	}
	defer endTelling()
	listener, err := v.listen(ctx, a)
	if err != nil {
		return err
	}
	a.telemetry.Health().Begin()
	listening.Store(true)
	err = board.Serve(ctx, listener)
	a.log.InfoContext(context.WithoutCancel(ctx), "stopped", slog.String("verb", a.verb))
	return err
}

// config is what the flags say.
func (v *dashboardServeVerb) config(a *app) (dashboard.Config, error) {
	const fewest, most = 4, 100
	faults := []error{v.checkBroker(), checkStream(v.DeadLetters), atLeast("--connections", v.Connections, fewest)}
	if v.Connections > most {
		faults = append(faults, usagef("--connections is %d; give %d or less", v.Connections, most))
	}
	if (v.TLSCert == "") != (v.TLSKey == "") {
		faults = append(faults, usagef("--tls-cert and --tls-key belong together; give both, or none"))
	}
	var proxies []netip.Prefix
	for _, given := range v.TrustProxy {
		proxy, err := proxyOf(given)
		if err != nil {
			faults = append(faults, err)
		}
		proxies = append(proxies, proxy)
	}
	info, _ := debug.ReadBuildInfo()
	return dashboard.Config{
		Listen: v.Listen, Token: v.Token, ViewerToken: v.ViewerToken, UsersFile: v.Users, TrustedProxies: proxies,
		Stream: v.Stream, Prefix: v.Prefix, DeadLetters: v.DeadLetters, Version: describeBuild(version, info).Version, Logger: a.log,
	}, errors.Join(faults...)
}

// proxyOf reads an address or a network.
func proxyOf(text string) (netip.Prefix, error) {
	if network, err := netip.ParsePrefix(text); err == nil {
		return network.Masked(), nil
	}
	address, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, usagef("--trusted-proxy is %q; give an address as 10.0.0.7, or a network as 10.0.0.0/8", text)
	}
	return netip.PrefixFrom(address.Unmap(), address.Unmap().BitLen()), nil
}

// inDashboardFlags is what the package says of faulty fields, with the flags that they stand for.
func inDashboardFlags(err error) error {
	text := strings.ReplaceAll(err.Error(), "\n", "; ")
	if !strings.Contains(text, "dashboard.Config: ") {
		return err
	}
	return usageError{strings.NewReplacer("dashboard.Config: ", "", "Listen", "--listen", "ViewerToken", "--viewer-token (CONTRAIL_DASHBOARD_VIEWER_TOKEN)",
		"set Token or UsersFile", "set CONTRAIL_DASHBOARD_TOKEN, or give --users", "Token", "--token", "UsersFile", "--users").Replace(text)}
}
