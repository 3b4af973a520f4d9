package subscribers_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/subscribers"
)

func TestStartIsWhereItSays(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sequence := func(start subscribers.Start) (uint64, error) {
		return start.Sequence(t.Context(), w.js, wire.DefaultStream, "events.>")
	}
	is := func(want uint64, start subscribers.Start) {
		t.Helper()
		got, err := sequence(start)
		require.NoError(t, err)
		require.Equal(t, want, got, start.String())
	}
	is(1, subscribers.Start{})
	is(1, subscribers.FromNew())
	is(1, subscribers.FromPosition(1))
	is(1, subscribers.FromTime(time.Unix(0, 0)))
	_, err := sequence(subscribers.FromPosition(2)) // what comes next may be position 1
	require.ErrorIs(t, err, subscribers.ErrNotYet)

	w.publish(t, "invoice-1", drafted{})
	w.position++ // one is left out
	w.publish(t, "invoice-1", drafted{})
	late := w.event("invoice-1", drafted{})
	late.Position = 2
	w.resend(t, late, wire.ResentRequeue, 3)
	w.position = 3
	w.publish(t, "invoice-1", drafted{})
	stream, err := w.js.Stream(t.Context(), wire.DefaultStream)
	require.NoError(t, err)
	third, err := stream.GetMsg(t.Context(), 3)
	require.NoError(t, err)
	is(1, subscribers.Start{})
	is(5, subscribers.FromNew())
	for position, want := range map[contrail.Position]uint64{1: 1, 2: 2, 3: 2, 4: 4, 5: 5} {
		is(want, subscribers.FromPosition(position))
	}
	is(3, subscribers.FromTime(third.Time))
	is(4, subscribers.FromTime(third.Time.Add(1)))
	is(5, subscribers.FromTime(stream.CachedInfo().TimeStamp))
	require.NoError(t, stream.Purge(t.Context(), jetstream.WithPurgeSequence(3)))
	is(3, subscribers.Start{})
	is(3, subscribers.FromPosition(1))

	_, err = sequence(subscribers.FromPosition(6))
	require.ErrorIs(t, err, subscribers.ErrNotYet)
	require.EqualError(t, err, "start at position 6 of stream EVENTS: the stream has not come so far yet: its last event is at position 4")
	_, err = sequence(subscribers.FromTime(time.Now().Add(time.Hour)))
	require.ErrorIs(t, err, subscribers.ErrNotYet)
	_, err = sequence(subscribers.FromPosition(0))
	require.EqualError(t, err, "Start: position 0 is not above zero")
	_, err = subscribers.Start{}.Sequence(t.Context(), w.js, "NONE", "")
	require.ErrorIs(t, err, jetstream.ErrStreamNotFound)
	require.ErrorContains(t, err, "start at the beginning")
}

func ExampleStart() {
	fmt.Println(subscribers.Start{})
	fmt.Println(subscribers.FromNew())
	fmt.Println(subscribers.FromPosition(17))
	fmt.Println(subscribers.FromTime(time.Date(2026, 11, 21, 20, 15, 4, 0, time.UTC)))
	// Output:
	// at the beginning
	// with what is new
	// at position 17
	// at 2026-11-21T20:15:04Z
}
