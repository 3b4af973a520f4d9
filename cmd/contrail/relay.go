package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail/publisher"
)

// relayVerb runs a relay.
type relayVerb struct {
	brokerFlags

	Name     string `help:"The service's name, shown in each message's source: /contrail/<name>/<store id>. Default: none."`
	Identity string `help:"The relay's name for people, in status and logs. Default: host:pid."`
	Replicas int    `default:"1" help:"Replicas of a stream that the relay creates, 1 to 5. An existing stream keeps its own."`

	BatchEvents int           `default:"500" help:"Events in one batch, at most."`
	BatchBytes  int           `default:"4194304" help:"Bytes of data in one batch, about."`
	InFlight    int           `default:"4" help:"Batches on their way at once."`
	AckTimeout  time.Duration `default:"5s" help:"How long an acknowledgement of the broker may take; it bounds the drain, too."`
	RetryMin    time.Duration `default:"50ms" help:"The first pause after a transient error; it doubles."`
	RetryMax    time.Duration `default:"5s" help:"The longest pause after a transient error."`

	wakeFlags
}

// Help teaches.
func (*relayVerb) Help() string {
	return `Publishes every committed event of the database to the stream, each once and in position order, until SIGINT, SIGTERM or
SIGHUP: then it finishes what is on its way, saves its cursor and exits 0. A second signal ends it at once, which loses nothing
either.

Run two or more, anywhere: one leads, the others stand by and take over. The stream is created if it is missing; one that
somebody else writes to, or whose configuration would break a promise, is refused with the reason. A database or a broker that
goes away later is waited for.

Behind a proxy that pools transactions (PgBouncer with pool_mode = transaction) give --wake poll, and add
default_query_exec_mode=exec to the database's URL, since such a proxy keeps no prepared statements.

Examples:

  contrail relay --database-url postgres://app:secret@db/app --nats-url nats://nats:4222
  contrail relay --name billing --replicas 3 --log-format json
  contrail relay --wake poll --poll-interval 200ms --database-url 'postgres://app:secret@bouncer:6432/app?default_query_exec_mode=exec'`
}

func (v *relayVerb) config(a *app) publisher.Config {
	return publisher.Config{
		Stream: v.Stream, Prefix: v.Prefix, Replicas: v.Replicas, Name: v.Name, Identity: v.Identity,
		BatchEvents: v.BatchEvents, BatchBytes: v.BatchBytes, InFlight: v.InFlight,
		AckTimeout: v.AckTimeout, Wake: v.choice(), RetryMin: v.RetryMin, RetryMax: v.RetryMax, Logger: a.log,
	}
}

// Run relays until ctx ends.
func (v *relayVerb) Run(ctx context.Context, a *app) error {
	if err := v.check(); err != nil {
		return err
	}
	pool, err := a.openStore(ctx, 2)
	if err != nil {
		return err
	}
	defer pool.Close()
	js, closeNATS, err := a.openJetStream(ctx, v.brokerFlags)
	if err != nil {
		return err
	}
	defer closeNATS()
	relay, err := publisher.NewRelay(pool, js, v.config(a))
	if err != nil {
		return usageError{err.Error()}
	}
	if err := a.checkSubjects(ctx, js, v.Stream, v.Prefix); err != nil {
		return err
	}
	return relay.Run(ctx)
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
