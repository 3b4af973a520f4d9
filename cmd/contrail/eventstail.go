package main

import (
	"context"
	"errors"
	"syscall"
	"time"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
)

// eventsTailVerb follows.
type eventsTailVerb struct {
	eventsFilter
	keysFlag
	wakeFlags

	Last      int64 `short:"n" name:"last" default:"10" help:"Begin with so many of the last events."`
	FromStart bool  `help:"Begin with the first event."`
	Follow    bool  `default:"true" negatable:"" help:"Go on until a signal comes; otherwise end with what is there."`
	JSON      bool  `name:"json" help:"Print JSON lines, in the format of export."`
}

// Help teaches.
func (*eventsTailVerb) Help() string {
	return `Prints the last events, and then each as soon as it is settled, in the order of the positions and none twice. Idle, it sleeps until an
append wakes it. It ends with SIGINT or SIGTERM, or when nobody reads its output any more, and exits 0. A database that goes away later is
waited for, and nothing is missed meanwhile.

` + filterHelp + `

Examples:

  contrail events tail
  contrail events tail -n 0 --category invoice --json | jq .type
  contrail events tail --from-start --no-follow --correlation 0192d9a1`
}

// Run follows until ctx ends.
func (v *eventsTailVerb) Run(ctx context.Context, a *app) error {
	query, err := v.query(time.Now())
	if err != nil {
		return err
	}
	switch {
	case v.Last < 0:
		return usagef("--last is %d; give 0 or more", v.Last)
	case v.FromStart && v.After > 0:
		return usagef("--from-start and --after %d are two beginnings; give one", v.After)
	}
	if err := v.wakeFlags.check(); err != nil {
		return err
	}
	store, err := v.newStore()
	if err != nil {
		return err
	}
	pool, err := a.openStore(ctx, 1)
	if err != nil {
		return err
	}
	defer pool.Close()
	follower := &eventsFollower{app: a, pool: pool, store: store, query: query, seen: query.After, printer: a.newEventsPrinter(v.JSON), wake: v.choice()}
	if !v.FromStart && v.After == 0 {
		follower.last = &v.Last
	}
	if v.Follow && v.Before == 0 {
		err = follower.run(ctx)
	} else {
		_, err = follower.step(ctx, pool)
	}
	unread, ok := errors.AsType[*writeError](err)
	if ctx.Err() != nil || ok && errors.Is(unread, syscall.EPIPE) {
		return nil
	}
	return err
}

// eventsFollower prints what is settled, step by step.
type eventsFollower struct {
	app     *app
	pool    connector
	store   *eventstore.Store
	query   eventstore.Query
	printer *eventsPrinter
	wake    eventstore.Wake
	last    *int64            // how many of the last events the first step prints; nil: all
	seen    contrail.Position // of the last event that is known to be behind: what holds over a crash of PostgreSQL, unlike a horizon
}

// step prints what has been settled since the last one, and tells whether anything has. After an error it goes on where it was.
func (f *eventsFollower) step(ctx context.Context, db eventstore.Querier) (found bool, err error) {
	horizon, err := eventstore.Horizon(ctx, db)
	if err != nil {
		return false, err
	}
	if bound := f.query.Until; bound > 0 {
		horizon = min(horizon, bound)
	}
	if horizon <= f.query.After {
		f.last = nil // there are no last events, and what comes now is new
		return false, nil
	}
	if f.last != nil {
		err = f.begin(ctx, db, horizon)
	} else {
		err = f.read(ctx, db, horizon)
	}
	if err == nil {
		f.query.After = horizon
	}
	return err == nil, err
}

// begin prints the last events, once it has read all that it needs: where the connection breaks before that, it begins again.
func (f *eventsFollower) begin(ctx context.Context, db eventstore.Querier, horizon contrail.Position) error {
	seen := f.seen
	for event, err := range f.store.Read(ctx, db, eventstore.Query{Until: horizon, Backwards: true, Limit: 1}) {
		if err != nil {
			return err
		}
		seen = event.Position
	}
	if *f.last > 0 {
		query := f.query
		query.Until, query.Backwards, query.Limit = horizon, true, *f.last
		events, err := turned(f.store.Read(ctx, db, query))
		if err == nil {
			_, err = f.printer.printAll(events)
		}
		if err != nil {
			return err
		}
	}
	f.last, f.seen = nil, seen
	return nil
}

// read prints what lies above the last event that was printed. None of it is printed twice where the connection breaks in the middle.
func (f *eventsFollower) read(ctx context.Context, db eventstore.Querier, horizon contrail.Position) (err error) {
	defer func() { err = errors.Join(err, f.printer.flush()) }()
	query := f.query
	query.Until = horizon
	for event, err := range f.store.Read(ctx, db, query) {
		if err == nil {
			err = f.printer.print(event)
		}
		if err != nil {
			return err
		}
		f.query.After, f.seen = event.Position, event.Position
	}
	return nil
}
