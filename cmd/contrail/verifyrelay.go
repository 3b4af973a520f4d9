package main

import (
	"context"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/publisher"
)

// newRelay makes a relay like the stream's own.
func (v *verifyVerb) newRelay(a *app, pool *pgxpool.Pool, js jetstream.JetStream) (*publisher.Relay, error) {
	relay, err := publisher.NewRelay(pool, js, v.apply(publisher.Config{Stream: v.Stream, Prefix: v.Prefix, Wake: v.choice(), Logger: a.log}))
	if err != nil {
		return nil, misconfigured(err)
	}
	return relay, nil
}

// drain relays all that is settled and all that is asked for.
func (v *verifyVerb) drain(ctx context.Context, a *app, pool *pgxpool.Pool, js jetstream.JetStream) error {
	relay, err := v.newRelay(a, pool, js)
	if err != nil {
		return err
	}
	bar := a.newProgress("relaying")
	_, err = relay.Drain(ctx, func(done, total contrail.Position) { bar.at(uint64(done), uint64(total)) }) //nolint:gosec // positions
	bar.gone()
	if err != nil {
		return err
	}
	return ctx.Err() //nolint:wrapcheck // a signal; what is left is the comparison's to find out
}
