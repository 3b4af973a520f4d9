package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/contrail-events/contrail/eventstore"
)

// Pauses before a connection is tried again; they double from the one to the other.
const (
	shortestRetry = 250 * time.Millisecond
	longestRetry  = 5 * time.Second
)

// connector is the pool that connections are taken from.
type connector interface {
	eventstore.Querier
	Acquire(ctx context.Context) (*pgxpool.Conn, error)
}

// run follows until ctx ends. A connection that is lost is warned of once, and replaced.
func (f *eventsFollower) run(ctx context.Context) error {
	pause, warned := shortestRetry, false
	for {
		before := f.query.After
		err := f.session(ctx, func() {
			if warned {
				f.app.log.InfoContext(ctx, "the database is back")
			}
			pause, warned = shortestRetry, false
		})
		lost, ok := errors.AsType[*lostError](err)
		if !ok || ctx.Err() != nil {
			return err
		}
		if f.query.After > before {
			pause, warned = shortestRetry, false
		}
		f.query.After = f.seen
		if !warned {
			f.app.log.WarnContext(ctx, "the database is gone; waiting for it", slog.String("reason", sentence(lost.reason)))
			warned = true
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
			pause = min(2*pause, longestRetry)
		}
	}
}

// lostError says that another connection may do better.
type lostError struct{ reason error }

func (e *lostError) Error() string { return "the connection is lost: " + e.reason.Error() }

func (e *lostError) Unwrap() error { return e.reason }

// session follows on one connection. It calls connected after its first step.
func (f *eventsFollower) session(ctx context.Context, connected func()) error {
	acquired, err := f.pool.Acquire(ctx)
	if err != nil {
		return &lostError{err}
	}
	conn := acquired.Hijack() // it listens, and may hold a lock: nothing for others
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	err = f.follow(ctx, conn, connected)
	if conn.IsClosed() {
		return &lostError{err}
	}
	return err
}

// follow returns with an error, be it the end of ctx.
func (f *eventsFollower) follow(ctx context.Context, conn *pgx.Conn, connected func()) error {
	sleeper, err := eventstore.NewSleeper(conn, f.wake)
	if err != nil {
		return err
	}
	if _, err := f.step(ctx, conn); err != nil {
		return err
	}
	connected()
	for {
		if err := sleeper.Sleep(ctx, func(ctx context.Context) (bool, error) { return f.step(ctx, conn) }); err != nil {
			return err
		}
	}
}
