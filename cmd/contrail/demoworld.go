package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	netmail "net/mail"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/domain"
	"github.com/contrail-events/contrail/internal/invoicing"
	"github.com/contrail-events/contrail/internal/invoicing/mail"
	"github.com/contrail-events/contrail/publisher"
	"github.com/contrail-events/contrail/subscribers"
	"github.com/contrail-events/contrail/subscribers/deliveries"
	"github.com/contrail-events/contrail/subscribers/webhook"
)

// world is a running system: servers, relay, consumers.
type world struct {
	ctx   context.Context //nolint:containedctx // the demo's own, which ends with the cause when a part of the system fails
	fail  context.CancelCauseFunc
	app   *app
	verb  *demoVerb
	parts sync.WaitGroup

	servers    *servers
	pool       *pgxpool.Pool
	js         jetstream.JetStream
	closeNATS  func()
	transactor *invoicing.Transactor
	consumers  consumers
	actor      domain.Actor
	began      contrail.Position // the newest event when the demo began
	kept       bool              // nothing is removed at the end
}

// demoConnections is room for the clients, the workers of two subscriptions and of a ledger, the runs, three projections, the relay and those who look.
const demoConnections = 50

// openWorld starts everything. Each run has a tenant of its own, so that a run on kept data is not disturbed by what is there.
func openWorld(ctx context.Context, a *app, verb *demoVerb, stages *timeline) (*world, error) {
	w := &world{app: a, verb: verb, actor: domain.Actor{TenantID: "demo-" + strings.ToLower(rand.Text()[:8]), UserID: "demo"}}
	w.ctx, w.fail = context.WithCancelCause(ctx)
	for _, step := range []func(*timeline) error{w.start, w.connect, w.migrate, w.run} {
		if err := step(stages); err != nil {
			return nil, errors.Join(w.because(err), w.close())
		}
	}
	return w, nil
}

func (w *world) start(stages *timeline) error {
	return stages.time("servers", func() (n int64, err error) {
		w.servers, err = startServers(w.ctx, w.app, w.verb.brokerFlags, w.verb.DataDir)
		return 2, err
	})
}

func (w *world) connect(*timeline) (err error) {
	if w.pool, err = w.app.openPoolAt(w.ctx, w.servers.databaseURL, demoConnections); err != nil {
		return err
	}
	if w.js, w.closeNATS, err = w.app.openJetStreamAt(w.ctx, w.servers.natsURL); err != nil {
		return err
	}
	if err = w.servers.claim(w.ctx, w.js); err != nil {
		return err
	}
	w.transactor, err = invoicing.NewTransactor(w.pool, invoicing.TransactorConfig{})
	return err
}

func (w *world) migrate(stages *timeline) error {
	return stages.time("migrated", func() (int64, error) {
		done, err := (&migrateUpVerb{Example: true}).migrate(w.ctx, w.pool)
		if err != nil {
			return 0, hinted(err)
		}
		return int64(len(done.Contrail) + len(*done.Invoicing)), nil
	})
}

// run starts relay and consumers, and notes where the events stand.
func (w *world) run(*timeline) error {
	err := w.pool.QueryRow(w.ctx, `SELECT coalesce(max(position), 0) FROM contrail.events`).Scan(&w.began)
	if err != nil {
		return fmt.Errorf("read the newest position: %w", err)
	}
	s, log := w.servers, w.app.log
	relay, err := publisher.NewRelay(w.pool, w.js, publisher.Config{Stream: s.stream, Prefix: s.prefix, Name: "demo", Logger: log})
	if err != nil {
		return misconfigured(err)
	}
	if w.consumers, err = newConsumers(w.js, w.pool, w.consuming()); err != nil {
		return misconfigured(err)
	}
	w.background(relay.Run)
	if err := w.awaitStream(); err != nil { // consumers would wait for it themselves, and warn that they do
		return err
	}
	w.background(w.consumers.run)
	return nil
}

// consuming is all parts of contrail subscribe, with their defaults. Mails go to the log; webhooks have no endpoints.
func (w *world) consuming() consumersConfig {
	s, log := w.servers, w.app.log
	subscription := subscribers.Config{Stream: s.stream, Prefix: s.prefix, DeadLetters: s.deadLetters, Logger: log}
	hooks := webhook.Config{Subscription: subscription}
	hooks.Subscription.Durable, hooks.Subscription.Types = "webhooks", postedTypes()
	return consumersConfig{
		parts:      []string{partProjections, partNotifications, partReminders, partWebhooks},
		projection: subscribers.ProjectionConfig{Stream: s.stream, Prefix: s.prefix, Logger: log},
		notifications: invoicing.NotificationsConfig{
			Mailer: mail.NewLog(log), From: netmail.Address{Address: nobody}, Subscription: subscription, Policy: deliveries.Policy{Ambiguous: deliveries.Resend},
		},
		hooks: hooks,
	}
}

func (w *world) awaitStream() error {
	look := time.NewTicker(lookAgain / 2)
	defer look.Stop()
	for {
		_, err := w.js.Stream(w.ctx, w.servers.stream)
		if !errors.Is(err, jetstream.ErrStreamNotFound) {
			return err //nolint:wrapcheck // because tells more
		}
		select {
		case <-w.ctx.Done():
			return context.Cause(w.ctx) //nolint:wrapcheck // likewise
		case <-look.C:
		}
	}
}

// background runs a part of the system; its failure ends the demo.
func (w *world) background(part func(ctx context.Context) error) {
	w.parts.Go(func() {
		if err := part(w.ctx); err != nil {
			w.fail(err)
		}
	})
}

// because is why the demo could not go on: the failure of a part says more than what it made go wrong.
func (w *world) because(err error) error {
	if cause := context.Cause(w.ctx); cause != nil {
		return cause //nolint:wrapcheck // it is the part's own
	}
	return err
}

// keep serves the API and the dashboard, prints how to connect, and waits for a signal, which is no error, or for the failure of a part.
func (w *world) keep() error {
	address, err := w.serve()
	if err != nil {
		return err
	}
	board, err := w.serveDashboard()
	if err != nil {
		return err
	}
	if err := w.app.told(w.printExports(address, board)); err != nil {
		return err // what nobody knows of is not kept
	}
	w.kept = true
	<-w.ctx.Done()
	if cause := context.Cause(w.ctx); !errors.Is(cause, errInterrupted) {
		return cause //nolint:wrapcheck // it is the part's own
	}
	return nil
}

// close stops the parts, in order, and removes what is not to be kept.
func (w *world) close() error {
	w.fail(nil)
	w.parts.Wait()
	var err error
	if w.servers != nil && !w.kept {
		err = w.servers.removeStreams(w.ctx, w.js)
	}
	if w.closeNATS != nil {
		w.closeNATS()
	}
	if w.pool != nil {
		w.pool.Close()
	}
	if w.servers != nil {
		err = errors.Join(err, w.servers.close(w.ctx, w.kept))
	}
	return err
}
