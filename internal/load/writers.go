package load

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/backoff"
)

// writers append what is due.
type writers struct {
	config   Config
	pool     *pgxpool.Pool
	store    *eventstore.Store
	identity identity
	ledger   *ledger
	schedule *schedule
	clock    clock
	data     json.RawMessage

	retries   atomic.Int64
	abandoned atomic.Int64
	held      atomic.Int64 // transactions that waited for room
}

// run returns when the schedule is over, or wanted ends; what was begun is finished then. The end of working breaks it off.
func (w *writers) run(wanted, working context.Context) error {
	var all errgroup.Group
	for range w.config.Concurrency {
		all.Go(func() error { return w.one(wanted, working) })
	}
	return all.Wait() //nolint:wrapcheck // it is our own
}

func (w *writers) one(wanted, working context.Context) error {
	for {
		t, more := w.schedule.take(w.clock.now())
		if !more || !wait(wanted, t.due-w.clock.now()) || !w.enter(wanted, t.events) {
			return nil
		}
		if w.schedule.rate == 0 {
			t.due = w.clock.now()
		}
		t.first += int64(w.config.Concurrency) // the numbers below are of those that warm up
		if err := w.append(working, t, int(t.nth%int64(w.config.Streams)), false); err != nil {
			return err
		}
	}
}

// enter waits for room. The run's end ends that, and so does patience: where nothing arrives any more there never will be room.
func (w *writers) enter(wanted context.Context, events int) bool {
	if w.ledger.room.TryAcquire(int64(events)) {
		return true
	}
	w.held.Add(1)
	if d := w.schedule.duration; d > 0 {
		var cancel context.CancelFunc
		wanted, cancel = context.WithTimeout(wanted, w.schedule.start+d-w.clock.now())
		defer cancel()
	}
	for {
		patient, cancel := context.WithTimeout(wanted, w.config.Patience)
		err := w.ledger.room.Acquire(patient, int64(events))
		cancel()
		if err == nil {
			return true
		}
		if wanted.Err() != nil || w.clock.now()-w.ledger.state().moved > w.config.Patience {
			return false
		}
	}
}

// warm has every writer append one event, so that connections, relay and handler are at work when the first event is due.
func (w *writers) warm(ctx context.Context) error {
	all, ctx := errgroup.WithContext(ctx)
	for n := range w.config.Concurrency {
		all.Go(func() error {
			if err := w.ledger.room.Acquire(ctx, 1); err != nil {
				return nil //nolint:nilerr // another one has failed
			}
			return w.append(ctx, turn{first: int64(n), events: 1}, w.config.Streams, true)
		})
	}
	return all.Wait() //nolint:wrapcheck // it is our own
}

// append appends the events of one turn in one transaction. A lost connection does not tell whether it was committed, so it is tried again with the same
// ids, which the store recognises.
func (w *writers) append(ctx context.Context, t turn, stream int, warm bool) error {
	events := make([]contrail.Event, t.events)
	for n := range events {
		events[n] = contrail.Event{
			ID: w.identity.event(t.first+int64(n), time.Now()), Type: Type, Data: w.data, Metadata: w.config.Metadata,
		}
	}
	w.ledger.begin(t, warm, w.clock.now())
	pauses := backoff.Backoff{Min: 10 * time.Millisecond, Max: time.Second}
	began := time.Now()
	for failure := 1; ; failure++ {
		version, err := w.commit(ctx, w.identity.stream(stream), events)
		switch {
		case err == nil:
			w.ledger.appended(t, stream, version, w.clock.now())
			return nil
		case !isTransient(err) && ctx.Err() == nil:
			w.ledger.abandon(t, w.clock.now())
			return err
		}
		w.retries.Add(1)
		w.config.Logger.WarnContext(ctx, "an append is tried again", slog.String("stream", w.identity.stream(stream).String()), slog.Any("error", err))
		if time.Since(began) > w.config.Patience || !wait(ctx, pauses.Delay(failure)) {
			return w.giveUp(t, warm, err)
		}
	}
}

// giveUp leaves a turn undone, which the report tells. Those that warm up are to find out whether anything works.
func (w *writers) giveUp(t turn, warm bool, err error) error {
	w.abandoned.Add(w.ledger.abandon(t, w.clock.now()))
	if warm {
		return err
	}
	return nil
}

// commit returns the version of the last event.
func (w *writers) commit(ctx context.Context, stream contrail.StreamID, events []contrail.Event) (version int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, w.config.Patience)
	defer cancel()
	err = pgx.BeginTxFunc(ctx, w.pool, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) error {
		recorded, err := w.store.Append(ctx, tx, stream, eventstore.Any, events...)
		if err == nil {
			version = recorded[len(recorded)-1].Version
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("append %d events to %s: %w", len(events), stream, err)
	}
	return version, nil
}
