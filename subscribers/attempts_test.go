package subscribers_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/subscribers"
	"github.com/contrail-events/contrail/subscribers/attempts"
)

// journey waits until the journal has so many attempts of an event, and returns their verdicts as well.
func (w *world) journey(tb testing.TB, event contrail.Recorded, count int) (found []attempts.Attempt, verdicts []attempts.Verdict) {
	tb.Helper()
	eventually(tb, func() bool {
		var err error
		found, err = attempts.Of(tb.Context(), w.js, wire.DefaultStream, event.ID)
		return err == nil && len(found) >= count
	})
	for _, one := range found {
		verdicts = append(verdicts, one.Verdict)
	}
	return found, verdicts
}

// failsUntil is a handler that fails so many times.
func failsUntil(times int) func(context.Context, contrail.Delivered[drafted]) error {
	return func(_ context.Context, e contrail.Delivered[drafted]) error {
		if e.Delivery.Attempt <= times {
			return errors.New("the ledger\nis closed")
		}
		return nil
	}
}

// An event that fails twice and then succeeds leaves its journey, and one that succeeds at once leaves nothing.
func TestJournalOfAttempts(t *testing.T) {
	t.Parallel()
	w, began := newWorld(t), time.Now()
	sub := w.subscribe(t, subscribers.Config{})
	subscribers.Handle(sub, failsUntil(2))
	subscribers.Handle(sub, func(context.Context, contrail.Delivered[issued]) error { return nil })
	smooth := w.publish(t, "invoice-1", issued{})
	event := w.publish(t, "invoice-2", drafted{})
	stop := run(t, sub)
	w.settled(t)
	stop() // which waits for what is told last

	found, verdicts := w.journey(t, event, 3)
	require.Equal(t, []attempts.Verdict{attempts.Retried, attempts.Retried, attempts.Handled}, verdicts)
	for i, one := range found {
		require.Equal(t, i+1, one.Delivery)
		require.Equal(t, []any{event.ID, event.Position, uint64(2), "test", wire.DefaultStream}, []any{one.Event, one.Position, one.Sequence, one.Durable, one.Stream})
		require.WithinRange(t, one.Began, began, time.Now())
		require.GreaterOrEqual(t, one.Seconds, 0.0)
		require.Contains(t, one.Process, ":")
	}
	require.Equal(t, []string{"the ledger is closed", "the ledger is closed", ""}, []string{found[0].Error, found[1].Error, found[2].Error})
	require.True(t, found[0].Began.Before(found[1].Began))
	none, err := attempts.Of(t.Context(), w.js, wire.DefaultStream, smooth.ID)
	require.NoError(t, err)
	require.Empty(t, none)
	require.Zero(t, sub.Stats().Untold)
}

// The last attempt of an event that exhausts its deliveries is the dead letter; what a person has handled once more follows.
func TestJournalEndsWithTheDeadLetter(t *testing.T) {
	t.Parallel()
	w, pool := newWorld(t), pgtest.New(t)
	sub := w.subscribe(t, subscribers.Config{Inbox: subscribers.NewInbox(pool), MaxDeliver: 2})
	var mu sync.Mutex
	mended := false
	subscribers.HandleTx(sub, func(context.Context, pgx.Tx, contrail.Delivered[drafted]) error {
		mu.Lock()
		defer mu.Unlock()
		if mended {
			return nil
		}
		return errors.New("broken")
	})
	event := w.publish(t, "invoice-1", drafted{})
	run(t, sub)
	found, verdicts := w.journey(t, event, 2)
	require.Equal(t, []attempts.Verdict{attempts.Retried, attempts.DeadLetter}, verdicts)
	require.Equal(t, []string{"broken", "exhausted"}, []string{found[1].Error, found[1].Reason})
	require.Equal(t, 2, found[1].Delivery)

	mu.Lock()
	mended = true
	mu.Unlock()
	_, err := w.js.PublishMsg(t.Context(), w.deadLetters(t)[0].Requeue(wire.DefaultDeadLetters))
	require.NoError(t, err)
	found, verdicts = w.journey(t, event, 3)
	require.Equal(t, attempts.Handled, verdicts[2])
	require.Equal(t, []int{0, 0, 1}, []int{found[0].Replays, found[1].Replays, found[2].Replays})
}

// An event that nobody's handler got leaves its dead letter alone, and one that two consumers fail at is told by each.
func TestJournalTellsConsumersApart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	event := w.event("invoice-1", drafted{})
	event.Data = []byte(`"no object"`)
	for _, durable := range []string{"test", "other"} {
		sub := w.subscribe(t, subscribers.Config{Durable: durable})
		subscribers.Handle(sub, failsUntil(0))
		run(t, sub)
	}
	w.send(t, event)
	found, verdicts := w.journey(t, event, 2)
	require.Equal(t, []attempts.Verdict{attempts.DeadLetter, attempts.DeadLetter}, verdicts)
	require.ElementsMatch(t, []string{"test", "other"}, []string{found[0].Durable, found[1].Durable})
	require.Equal(t, "undecodable", found[0].Reason)
}

// warnings is a logger that keeps what it is warned of.
type warnings struct {
	mu  sync.Mutex
	all []string
}

func (w *warnings) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelWarn}))
}

func (w *warnings) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = append(w.all, string(line))
	return len(line), nil
}

func (w *warnings) about(text string) (count int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, line := range w.all {
		if strings.Contains(line, text) {
			count++
		}
	}
	return count
}

// Where the journal may not be written, one warning says so, and events are handled.
func TestJournalThatMayNotBeWritten(t *testing.T) {
	t.Parallel()
	for name, forbid := range map[string]func(t *testing.T) *world{
		"publishing": func(t *testing.T) *world {
			t.Helper()
			w, restricted := newRestrictedWorld(t, "contrail.attempts.>")
			return w.as(restricted)
		},
		"making it": func(t *testing.T) *world {
			t.Helper()
			w, restricted := newRestrictedWorld(t, "$JS.API.STREAM.CREATE."+attempts.Stream)
			return w.as(restricted)
		},
		"another's stream": func(t *testing.T) *world {
			t.Helper()
			w := newWorld(t)
			_, err := w.js.CreateStream(t.Context(), jetstream.StreamConfig{Name: attempts.Stream, Subjects: []string{"something.>"}})
			require.NoError(t, err)
			return w
		},
		"another stream's subjects": func(t *testing.T) *world {
			t.Helper()
			w := newWorld(t)
			_, err := w.js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "ALL", Subjects: []string{"contrail.>"}})
			require.NoError(t, err)
			return w
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, told := forbid(t), &warnings{}
			sub := w.subscribe(t, subscribers.Config{Logger: told.logger()})
			subscribers.Handle(sub, failsUntil(1))
			for range 20 {
				w.publish(t, "invoice-1", drafted{})
			}
			stop := run(t, sub)
			w.settled(t)
			require.EqualValues(t, 20, sub.Stats().Handled)
			eventually(t, func() bool { return told.about("failed attempts are not told") == 1 })
			w.publish(t, "invoice-1", drafted{})
			w.settled(t)
			stop()
			require.Equal(t, 1, told.about("failed attempts are not told"))
			require.Zero(t, told.about("more attempts fail"))
			require.Positive(t, sub.Stats().Untold)
		})
	}
}

// A broker that has no room for the journal is asked again, one warning says so, and events are handled.
func TestJournalThatHasNoRoom(t *testing.T) {
	t.Parallel()
	started := natstest.Start(t, func(options *server.Options) { options.JetStreamMaxStore = 64 << 20 })
	js, err := jetstream.New(natstest.Connect(t, started.URL()))
	require.NoError(t, err)
	w, told := &world{js: js, server: started, versions: map[string]int64{}}, &warnings{}
	w.createStream(t)
	sub := w.subscribe(t, subscribers.Config{Logger: told.logger(), Backoff: subscribers.Backoff{Min: time.Millisecond, Max: 2 * time.Millisecond}})
	subscribers.Handle(sub, failsUntil(1))
	event := w.publish(t, "invoice-1", drafted{})
	stop := run(t, sub)
	w.settled(t)
	eventually(t, func() bool { return told.about("failed attempts can't be told yet") == 1 })
	_, err = w.js.CreateStream(t.Context(), jetstream.StreamConfig{Name: attempts.Stream, Subjects: []string{attempts.SubjectPrefix + ">"}}) // by somebody who knows
	require.NoError(t, err)
	w.journey(t, event, 2)
	stop()
	require.Equal(t, 1, told.about("failed attempts"))
	require.Zero(t, sub.Stats().Untold)
}

// A broker that goes and comes back costs the journal nothing that was told before or after.
func TestJournalOutlastsABrokersRestart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sub := w.subscribe(t, subscribers.Config{})
	subscribers.Handle(sub, failsUntil(1))
	before := w.publish(t, "invoice-1", drafted{})
	stop := run(t, sub)
	w.journey(t, before, 2)
	w.restart(t)
	after := w.publish(t, "invoice-2", drafted{})
	_, verdicts := w.journey(t, after, 2)
	require.Equal(t, []attempts.Verdict{attempts.Retried, attempts.Handled}, verdicts)
	_, verdicts = w.journey(t, before, 2)
	require.Equal(t, []attempts.Verdict{attempts.Retried, attempts.Handled}, verdicts)
	stop()
}

// A journal that somebody has deleted is made again.
func TestJournalThatWasDeleted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sub := w.subscribe(t, subscribers.Config{})
	subscribers.Handle(sub, failsUntil(1))
	run(t, sub)
	w.journey(t, w.publish(t, "invoice-1", drafted{}), 2)
	require.NoError(t, w.js.DeleteStream(t.Context(), attempts.Stream))
	w.journey(t, w.publish(t, "invoice-2", drafted{}), 2)
}

// It can be turned off.
func TestNoJournal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sub := w.subscribe(t, subscribers.Config{NoAttempts: true})
	subscribers.Handle(sub, failsUntil(1))
	event := w.publish(t, "invoice-1", drafted{})
	stop := run(t, sub)
	w.settled(t)
	stop()
	_, err := w.js.Stream(t.Context(), attempts.Stream)
	require.ErrorIs(t, err, jetstream.ErrStreamNotFound)
	found, err := attempts.Of(t.Context(), w.js, wire.DefaultStream, event.ID)
	require.NoError(t, err)
	require.Empty(t, found)
}

// What the broker does not take soon enough is dropped, told once, counted, and in nobody's way.
func TestJournalIsBounded(t *testing.T) {
	t.Parallel()
	w, told := newWorld(t), &warnings{}
	sub := w.subscribe(t, subscribers.Config{Logger: told.logger()})
	for range subscribers.MaxUntold + 10 {
		sub.TellAttempt(t.Context(), attempts.Attempt{}) // which does not run
	}
	require.EqualValues(t, 10, sub.Stats().Untold)
	require.Equal(t, 1, told.about("more attempts fail"))
}
