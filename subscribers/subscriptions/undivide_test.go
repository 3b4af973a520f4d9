package subscriptions_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/subscribers"
	"github.com/contrail-events/contrail/subscribers/subscriptions"
)

// The number changes while events wait and come, from some to more, to none and back. Each event takes effect once.
func TestUndivideForAnotherNumberOfPartitions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var taken []contrail.Position
	for n, number := range []int{4, 7, 0, 2} {
		config := subscribers.Config{Partitions: number}
		stop := w.run(w.handle(config, func(ctx context.Context, tx pgx.Tx, e contrail.Delivered[counted]) error {
			if e.Stream.ID() == "3" && e.Position > contrail.Position(n*20) { // waits for the next number
				return contrail.RetryAfter(time.Hour, errLost)
			}
			_, err := tx.Exec(ctx, `INSERT INTO effects (position) VALUES ($1)`, e.Position)
			return err
		}))
		w.spread(20)
		taken = taken[:0]
		for position := contrail.Position(1); position <= w.position; position++ {
			if (position-1)%20%7 != 3 || position <= contrail.Position(n*20) {
				taken = append(taken, position)
			}
		}
		w.await(func(got subscriptions.Subscription) bool { return got.Pending == 0 && len(w.effects()) == len(taken) })
		require.ElementsMatch(t, taken, w.effects())
		if number > 0 {
			_, err := subscriptions.Undivide(t.Context(), w.js, w.name)
			require.ErrorContains(t, err, "undivide subscription test: 1 of its processes run, or have died within 15s; stop them and try again")
		}
		stop()
		if number == 0 {
			_, err := subscriptions.Undivide(t.Context(), w.js, w.name)
			require.ErrorIs(t, err, subscriptions.ErrNotDivided)
			continue
		}
		done, err := subscriptions.Undivide(t.Context(), w.js, w.name)
		require.NoError(t, err)
		first := contrail.Position(n*20 + 4) // of stream 3
		require.Equal(t, subscriptions.Undivided{Partitions: number, Sequence: uint64(first), Position: first, Again: 14}, done)
		got := w.get()
		require.Nil(t, got.Division)
		require.Equal(t, uint64(17), got.Lag)
		require.Equal(t, first-1, got.AckFloor.Position)
		_, err = w.js.Stream(t.Context(), "EVENTS_test")
		require.ErrorIs(t, err, jetstream.ErrStreamNotFound)
		_, err = w.js.KeyValue(t.Context(), "CONTRAIL_EVENTS_test")
		require.ErrorIs(t, err, jetstream.ErrBucketNotFound)
	}
}

// It keeps its pause and its filters, and does not mind what was left when it was divided.
func TestUndivideASubscriptionThatIsPaused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	config := subscribers.Config{Filter: []string{"events.a.>", "events.b.>"}, MaxDeliver: 3}
	stop := w.run(w.subscribe(config))
	w.append("a-1", 3)
	w.settled(1, 2, 3)
	stop()
	config.Partitions = partitions
	stop = w.run(w.subscribe(config))
	w.append("b-1", 3)
	w.append("c-1", 1)
	w.tookEffect(3, 4, 5, 6)
	w.held(1)
	require.NoError(t, subscriptions.Pause(t.Context(), w.js, w.name, subscriptions.Forever()))
	w.append("a-1", 2)
	stop()
	done, err := subscriptions.Undivide(t.Context(), w.js, w.name)
	require.NoError(t, err)
	require.Equal(t, subscriptions.Undivided{Partitions: partitions, Sequence: 7, Position: 7}, done)
	got := w.get()
	require.Equal(t, subscriptions.Forever(), *got.PausedUntil)
	require.Equal(t, config.Filter, got.Filters)
	require.Equal(t, 3, got.MaxDeliver)
	require.Equal(t, uint64(2), got.Lag)
	config.Partitions = 0
	w.run(w.subscribe(config))
	require.Never(t, func() bool { return len(w.effects()) > 6 }, silent, 10*time.Millisecond)
	require.NoError(t, subscriptions.Resume(t.Context(), w.js, w.name))
	w.settledInOrder(1, 2, 3, 4, 5, 6, 8, 9)
}

func TestUndivideSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := subscriptions.Undivide(t.Context(), w.js, w.name)
	require.ErrorIs(t, err, subscriptions.ErrNotFound)
	stop := w.run(w.subscribe(divided()))
	w.held(1)
	stop()
	_, err = subscriptions.Undivide(t.Context(), crashing{w.js, "delete"}, w.name)
	require.ErrorIs(t, err, errCrash)
	require.NotNil(t, w.get().Division) // as before, and once more does the rest
	_, err = subscriptions.Undivide(t.Context(), w.js, w.name)
	require.NoError(t, err)
	w.run(w.subscribe(divided()))
	w.spread(3)
	w.tookEffect(0, 1, 2, 3)
}

// The events of a subscription are in two partitions, and should be in three.
func ExampleUndivide() {
	ctx := context.Background()
	pool, js, closeAll := exampleStack(ctx)
	defer closeAll()
	name := subscriptions.Name{Durable: "counter"}
	handled := make(chan contrail.Position, 99)
	start := func(partitions int) (stop func()) {
		sub := must(subscribers.New(js, subscribers.Config{Durable: "counter", Inbox: subscribers.NewInbox(pool), Partitions: partitions}))
		subscribers.HandleTx(sub, func(_ context.Context, _ pgx.Tx, e contrail.Delivered[counted]) error {
			handled <- e.Position
			return nil
		})
		return runExample(ctx, sub)
	}
	stop := start(2)
	fmt.Println("handled", <-handled, <-handled, <-handled)
	stop()

	done := must(subscriptions.Undivide(ctx, js, name))
	fmt.Println("partitions there were:", done.Partitions)

	stop = start(3)
	defer stop()
	must(subscriptions.Replay{From: 2, To: 2}.Run(ctx, js, pool, name))
	fmt.Println("handled", <-handled)
	// Output:
	// handled 1 2 3
	// partitions there were: 2
	// handled 2
}
