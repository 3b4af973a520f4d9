package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/load"
	"github.com/contrail-events/contrail/publisher"
)

// loadPlace is where a load takes place: a corner of its own, with a relay and a subscription, or the given database and stream themselves.
type loadPlace struct {
	pool      *pgxpool.Pool // for the appends
	js        jetstream.JetStream
	closeNATS func()
	stream    string

	servers   *servers // nil: in place
	relay     *publisher.Relay
	relayPool *pgxpool.Pool
}

// open opens the place.
func (v *loadVerb) open(ctx context.Context, a *app) (*loadPlace, error) {
	place, prepare := &loadPlace{stream: v.Stream}, v.openCorner
	if v.InPlace {
		prepare = v.openInPlace
	}
	if err := prepare(ctx, a, place); err != nil {
		return nil, errors.Join(err, place.close(ctx))
	}
	return place, nil
}

// relayConnections is room for what a relay does at once.
const relayConnections = 4

// openCorner makes servers, or a scratch database and streams on those that were given.
func (v *loadVerb) openCorner(ctx context.Context, a *app, place *loadPlace) (err error) {
	if place.servers, err = startServers(ctx, a, v.brokerFlags, ""); err != nil {
		return err
	}
	s := place.servers
	if place.pool, err = a.openPoolAt(ctx, s.databaseURL, int32(v.Concurrency)); err != nil { //nolint:gosec // check bounds it
		return err
	}
	if place.relayPool, err = a.openPoolAt(ctx, s.databaseURL, relayConnections); err != nil {
		return err
	}
	if place.js, place.closeNATS, err = a.openJetStreamAt(ctx, s.natsURL); err != nil {
		return err
	}
	if err := s.claim(ctx, place.js); err != nil {
		return err
	}
	if _, err := eventstore.Migrate(ctx, place.pool); err != nil {
		return hinted(err)
	}
	place.stream = s.stream
	place.relay, err = publisher.NewRelay(place.relayPool, place.js, publisher.Config{
		Stream: s.stream, Prefix: s.prefix, Subject: v.Subject, Name: "load", Logger: a.log,
	})
	if err != nil {
		return misconfigured(err)
	}
	return nil
}

// openInPlace makes sure, before anything is appended that stays, that it is wanted and would arrive.
func (v *loadVerb) openInPlace(ctx context.Context, a *app, place *loadPlace) (err error) {
	if place.pool, err = a.openStore(ctx, int32(v.Concurrency)); err != nil { //nolint:gosec // check bounds it
		return err
	}
	if place.js, place.closeNATS, err = a.openJetStream(ctx, v.brokerFlags); err != nil {
		return err
	}
	var status publisher.Status
	err = a.inTime(ctx, func(ctx context.Context) (err error) {
		status, err = publisher.ReadStatus(ctx, place.pool, place.js, v.Stream)
		return err
	})
	switch {
	case err != nil:
		return err
	case status.Leader == "":
		return fmt.Errorf("no relay publishes to stream %s; start one with contrail relay%s", v.Stream, onStream(v.Stream))
	case status.Paused:
		return fmt.Errorf("stream %s is paused; resume it with contrail relays resume%s", v.Stream, onStream(v.Stream))
	}
	return v.confirm(ctx, a)
}

// fill adds to a config where it is to be.
func (p *loadPlace) fill(cfg *load.Config) {
	cfg.Stream = p.stream
	if s := p.servers; s != nil {
		cfg.Prefix, cfg.DeadLetters, cfg.Durable, cfg.Relay = s.prefix, s.deadLetters, "load", p.relay.Run
	}
}

// close gives everything back, and removes what was made.
func (p *loadPlace) close(ctx context.Context) error {
	var err error
	if p.servers != nil {
		err = p.servers.removeStreams(ctx, p.js)
	}
	if p.closeNATS != nil {
		p.closeNATS()
	}
	for _, pool := range []*pgxpool.Pool{p.pool, p.relayPool} {
		if pool != nil {
			pool.Close()
		}
	}
	if p.servers != nil {
		err = errors.Join(err, p.servers.close(ctx, false))
	}
	return err
}
