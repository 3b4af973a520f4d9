package eventstore_test

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
)

// reading is an event and when it was read.
type reading struct {
	event contrail.Recorded
	at    time.Time
}

// stormReader reads as a relay does: it sleeps when there is nothing, and goes on after the last event that it was handed when it has lost its
// connection.
type stormReader struct {
	*storm
	readings []reading
	done     bool // it has read the end
}

func (r *stormReader) run(ctx context.Context) {
	for !r.done && ctx.Err() == nil {
		if err := r.follow(ctx); err != nil && !r.survives(ctx, "reader", err) {
			return
		}
	}
	if !r.done {
		r.fault(fmt.Errorf("reader: %w before the last event was read", ctx.Err()))
	}
}

// follow reads on a connection of its own for as long as that lasts.
func (r *stormReader) follow(ctx context.Context) error {
	conn, err := pgx.ConnectConfig(ctx, r.pool.Config().ConnConfig)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	config := eventstore.FeedConfig{BatchEvents: 50}
	if n := len(r.readings); n > 0 {
		config.After = r.readings[n-1].event.Position
	}
	feed, err := eventstore.NewFeed(conn, config)
	if err != nil {
		return err
	}
	sleeper, err := eventstore.NewSleeper(conn, r.wake)
	if err != nil {
		return err
	}
	read := func(ctx context.Context) (bool, error) { return r.read(ctx, feed) }
	for !r.done {
		found, err := read(ctx)
		if err == nil && !found {
			err = sleeper.Sleep(ctx, read)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *stormReader) read(ctx context.Context, feed *eventstore.Feed) (found bool, err error) {
	events, err := feed.Next(ctx)
	now := time.Now()
	for _, event := range events {
		r.readings = append(r.readings, reading{event, now})
		r.done = r.done || event.Stream == endOfStorm
	}
	return len(events) > 0, err
}

// events are what it has read.
func (r *stormReader) events() []contrail.Recorded {
	events := make([]contrail.Recorded, len(r.readings))
	for i, reading := range r.readings {
		events[i] = reading.event
	}
	return events
}
