package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail/publisher"
)

// relayVerb runs a relay.
type relayVerb struct {
	brokerFlags
	relayFlags
	telemetryFlags

	Store []string `placeholder:"STREAM=URL" sep:" " help:"Relay another store as well, into a stream of its own, whose subjects begin with its name in lower case. May be given again."`
}

// Help teaches.
func (*relayVerb) Help() string {
	return `Publishes every committed event of the database to the stream, each once and in position order, until SIGINT, SIGTERM or
SIGHUP: then it finishes what is on its way, saves its cursor and exits 0. A second signal ends it at once, which loses nothing
either. SIGTSTP pauses this relay, so that a standby takes over, and SIGCONT resumes it; SIGTTIN writes the stacks of its goroutines
to the log. contrail relays does the same from anywhere.

Run two or more, anywhere: one leads, the others stand by and take over. The stream is created if it is missing; one that
somebody else writes to, or whose configuration would break a promise, is refused with the reason. A database or a broker that
goes away later is waited for.

An event that the broker refuses, since it is too large for instance, is left out after some attempts and waits for a person:
contrail parked. --on-permanent chooses what happens to the order then.

Behind a proxy that pools transactions (PgBouncer with pool_mode = transaction) give --wake poll, and add
default_query_exec_mode=exec to the database's URL, since such a proxy keeps no prepared statements.

Examples:

  contrail relay --database-url postgres://app:secret@db/app --nats-url nats://nats:4222
  contrail relay --name billing --replicas 3 --log-format json
  contrail relay --stream BILLING --prefix billing --store SHIPPING=postgres://relay:secret@db/shipping
  contrail relay --wake poll --poll-interval 200ms --database-url 'postgres://app:secret@bouncer:6432/app?default_query_exec_mode=exec'`
}

// Run relays until ctx ends.
func (v *relayVerb) Run(ctx context.Context, a *app) error {
	if err := v.check(); err != nil {
		return err
	}
	endTelemetry, err := v.startTelemetry(ctx, a)
	if err != nil {
		return err
	}
	defer endTelemetry()
	stores, err := v.stores(a)
	if err != nil {
		return err
	}
	var relays []*publisher.Relay
	for _, store := range stores {
		relay, closeAll, err := v.open(ctx, store.app, store.broker)
		if err != nil {
			return store.named(err)
		}
		defer closeAll()
		relays = append(relays, relay)
	}
	defer heedControls(controls(relays...))()
	a.telemetry.Health().Begin()
	if len(relays) == 1 {
		return relays[0].Run(ctx)
	}
	return publisher.RunAll(ctx, relays...)
}

// relayedStore is a store, and the stream that it is relayed into.
type relayedStore struct {
	app    *app
	broker brokerFlags
}

// stores are the one of --database-url and those of --store.
func (v *relayVerb) stores(a *app) ([]relayedStore, error) {
	all := []relayedStore{{a, v.brokerFlags}}
	taken := map[string]bool{"stream " + v.Stream: true, "prefix " + v.Prefix: true}
	for _, one := range v.Store {
		stream, address, given := strings.Cut(one, "=")
		prefix := strings.ToLower(stream)
		switch {
		case !given || stream == "" || address == "":
			return nil, usagef("--store is %q; write it as STREAM=postgres://user:password@host:5432/database", sentence(errors.New(one)))
		case taken["stream "+stream] || taken["prefix "+prefix]:
			return nil, usagef("--store %s: its stream, or its subjects %s.>, are taken by another store; give each a stream of its own", stream, prefix)
		}
		taken["stream "+stream], taken["prefix "+prefix] = true, true
		store := relayedStore{new(*a), v.brokerFlags}
		store.app.DatabaseURL, store.app.databaseFrom = address, "--store "+stream
		store.broker.Stream, store.broker.Prefix = stream, prefix
		all = append(all, store)
	}
	return all, nil
}

// named says of which --store an error is.
func (s relayedStore) named(err error) error {
	if _, wrong := errors.AsType[usageError](err); wrong || s.app.databaseFrom == "DATABASE_URL" {
		return err
	}
	return fmt.Errorf("%s: %w", s.app.databaseFrom, err)
}

// open opens what one relay works with. Closing gives it back.
func (f relayFlags) open(ctx context.Context, a *app, broker brokerFlags) (relay *publisher.Relay, closeAll func(), err error) {
	tuneGC()
	cfg, err := f.config(a, broker)
	if err != nil {
		return nil, nil, usageError{err.Error()}
	}
	pool, err := a.openStore(ctx, 4)
	if err != nil {
		return nil, nil, err
	}
	js, closeNATS, err := a.openJetStream(ctx, broker)
	if err != nil {
		pool.Close()
		return nil, nil, err
	}
	closeServers := func() { closeNATS(); pool.Close() }
	if relay, err = publisher.NewRelay(pool, js, cfg); err != nil {
		closeServers()
		return nil, nil, misconfigured(err)
	}
	if err := a.checkSubjects(ctx, js, broker.Stream, broker.Prefix); err != nil {
		closeServers()
		return nil, nil, err
	}
	endTelling, err := a.tellRelay(ctx, relay, pool, js, broker)
	if err != nil {
		closeServers()
		return nil, nil, err
	}
	return relay, func() { endTelling(); closeServers() }, nil
}

// checkSubjects refuses subjects that another stream takes already: the relay's own could not be created beside it.
func (a *app) checkSubjects(ctx context.Context, js jetstream.JetStream, stream, prefix string) error {
	return a.inTime(ctx, func(ctx context.Context) error {
		taker, err := js.StreamNameBySubject(ctx, prefix+".>")
		switch {
		case errors.Is(err, jetstream.ErrStreamNotFound), err == nil && taker == stream:
			return nil
		case err != nil:
			return fmt.Errorf("look for the stream of the subjects %s.>: %w", prefix, err)
		}
		return fmt.Errorf("the subjects %s.> belong to stream %s already; choose another --prefix, or --stream %s", prefix, taker, taker)
	})
}
