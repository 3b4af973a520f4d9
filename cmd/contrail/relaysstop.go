package main

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/contrail-events/contrail/publisher/control"
)

// relaysStopVerb stops relays.
type relaysStopVerb struct {
	orderFlags

	Name   string `arg:"" optional:"" help:"The relay: its identity, its id or the beginning of it."`
	All    bool   `env:"-" help:"Stop all relays of the stream."`
	Stream string `default:"EVENTS" help:"The JetStream stream, with --all."`
}

// Help teaches.
func (*relaysStopVerb) Help() string {
	return `Ends relays as SIGTERM does: they settle what is on their way, save their cursor, give up their leadership and exit 0. What supervises their
processes may start them again; to have nothing published, pause the stream instead.

A relay that is gone, since its process has died or hangs, is taken off the list; should it come back, it stops. It waits until all
of it is so.

Examples:

  contrail relays stop relay-1:4711
  contrail relays stop --all --timeout 1m`
}

// Run stops.
func (v *relaysStopVerb) Run(ctx context.Context, a *app) error {
	if (v.Name != "") == v.All {
		return usagef("give the name of a relay, or --all")
	}
	if err := errors.Join(v.check(), checkStream(v.Stream)); err != nil {
		return err
	}
	return a.withRelays(ctx, func(ctx context.Context, pool *pgxpool.Pool) error {
		if v.All {
			return v.stopAll(ctx, a, pool)
		}
		relay, err := findRelay(ctx, pool, v.Name)
		if err != nil {
			return err
		}
		return v.stop(ctx, a, pool, relay)
	})
}

// stopAll tells all of them before it waits for any, so that no standby takes over for a moment.
func (v *relaysStopVerb) stopAll(ctx context.Context, a *app, pool *pgxpool.Pool) error {
	relays, err := control.List(ctx, pool, v.Stream)
	if err != nil {
		return err
	}
	for _, relay := range relays {
		if relay.Gone {
			continue
		}
		if _, err := control.Stop(ctx, pool, relay.ID, person()); err != nil && !errors.Is(err, control.ErrNotFound) {
			return err
		}
	}
	var faults []error
	for _, relay := range relays {
		faults = append(faults, v.stop(ctx, a, pool, relay))
	}
	if len(relays) == 0 {
		a.printf("no relay of stream %s is running\n", printable(v.Stream))
	}
	return errors.Join(faults...)
}

func (v *relaysStopVerb) stop(ctx context.Context, a *app, pool *pgxpool.Pool, relay control.Relay) error {
	done := "is stopped"
	end := func() error { return v.give(ctx, pool, relay, control.Stop) }
	if relay.Gone {
		done = "was gone, and is taken off the list"
		end = func() error { return control.Remove(ctx, pool, relay.ID) }
	}
	if err := end(); err != nil && !errors.Is(err, control.ErrNotFound) { // it may have ended meanwhile
		return err
	}
	a.printf("relay %s %s\n", printable(relay.Identity), done)
	return nil
}
