package subscribers_test

import (
	"context"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/subscribers"
)

// Somebody who captures all advisories already is taken as they are.
func TestAdvisoriesThatSomebodyElseCaptures(t *testing.T) {
	t.Parallel()
	for name, theirs := range map[string]map[string][]string{
		"in one stream": {"AUDIT": {"$JS.EVENT.ADVISORY.>"}},
		"in two streams": {
			"EXHAUSTED":  {"$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.>"},
			"TERMINATED": {"$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.>"},
		},
		"one kind of two": {"EXHAUSTED": {"$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.>"}, advisoryStream: nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			for stream, subjects := range theirs {
				if subjects != nil {
					_, err := w.js.CreateStream(t.Context(), jetstream.StreamConfig{Name: stream, Subjects: subjects})
					require.NoError(t, err)
				}
			}
			w.prepare(t, oneTry())
			w.publish(t, "invoice-1", drafted{N: 1})
			w.publish(t, "invoice-2", drafted{N: 2})
			w.fetch(t, wire.DefaultStream)
			require.NoError(t, w.fetch(t, wire.DefaultStream).Term())
			run(t, w.handling(t, oneTry()))
			reasons := map[int]subscribers.Reason{}
			for _, letter := range w.awaitLetters(t, 2) {
				reasons[numberIn(t, letter)] = letter.Reason
			}
			require.Equal(t, map[int]subscribers.Reason{1: subscribers.ReasonCrashed, 2: subscribers.ReasonTerminated}, reasons)
			for stream := range theirs {
				w.heededIn(t, stream, 1)
			}
			_, err := w.js.Stream(t.Context(), advisoryStream)
			if _, made := theirs[advisoryStream]; made {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, jetstream.ErrStreamNotFound)
			}
		})
	}
}

// Without advisories an event could be lost in silence, so that a subscription does not start without.
func TestAdvisoriesThatCannotBeCaptured(t *testing.T) {
	t.Parallel()
	taken := func(subjects ...string) func(*testing.T, *world) {
		return func(t *testing.T, w *world) {
			t.Helper()
			_, err := w.js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "THEIRS", Subjects: subjects})
			require.NoError(t, err)
		}
	}
	for name, given := range map[string]struct {
		given  func(*testing.T, *world)
		denied string
		want   string
	}{
		"some are captured": {taken("$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.OTHER.>"), "none", "subjects overlap"},
		"no right":          {func(*testing.T, *world) {}, "$JS.API.STREAM.CREATE." + advisoryStream, "let whoever may do so create it"},
		"the name is taken": {func(t *testing.T, w *world) {
			t.Helper()
			_, err := w.js.CreateStream(t.Context(), jetstream.StreamConfig{Name: advisoryStream, Subjects: []string{"other"}})
			require.NoError(t, err)
		}, "none", "stream name already in use"},
		"the consumer's name is taken": {func(t *testing.T, w *world) {
			t.Helper()
			taken("$JS.EVENT.ADVISORY.>")(t, w)
			_, err := w.js.CreateConsumer(t.Context(), "THEIRS", jetstream.ConsumerConfig{Durable: "EVENTS_test"})
			require.NoError(t, err)
		}, "none", "consumer EVENTS_test of stream THEIRS, which takes the broker's advisories, belongs to somebody else"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, restricted := newRestrictedWorld(t, given.denied)
			given.given(t, w)
			ended := make(chan error, 1)
			sub := w.as(restricted).handling(t, oneTry())
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			go func() { ended <- sub.Run(ctx) }()
			err := receive(t, ended)
			require.ErrorContains(t, err, given.want)
			require.ErrorContains(t, err, "advisories")
		})
	}
}

// The advisories are kept as safely as the events.
func TestAdvisoriesInACluster(t *testing.T) {
	t.Parallel()
	servers := natstest.Cluster(t, 3)
	w := &world{js: servers.JetStream(t), versions: map[string]int64{}}
	_, err := w.js.CreateStream(t.Context(), jetstream.StreamConfig{Name: wire.DefaultStream, Subjects: []string{"events.>"}, Replicas: 3})
	require.NoError(t, err)
	w.prepare(t, oneTry())
	servers.Await(advisoryStream)
	stream, err := w.js.Stream(t.Context(), advisoryStream)
	require.NoError(t, err)
	require.Equal(t, 3, stream.CachedInfo().Config.Replicas)
	w.publish(t, "invoice-1", drafted{N: 1})
	w.fetch(t, wire.DefaultStream)
	w.awaitAdvisories(t, 1)
	require.NoError(t, servers.StepDown(advisoryStream))
	servers.Await(advisoryStream)
	run(t, w.handling(t, oneTry()))
	require.Equal(t, 1, numberIn(t, w.awaitLetters(t, 1)[0]))
}

// Whatever becomes of the broker and its stream meanwhile, a subscription that runs hears of what is given up afterwards.
func TestAdvisoriesGoOn(t *testing.T) {
	t.Parallel()
	for name, disturb := range map[string]func(*testing.T, *world){
		"broker restarted": func(t *testing.T, w *world) {
			t.Helper()
			w.restart(t)
		},
		"consumer deleted": func(t *testing.T, w *world) {
			t.Helper()
			require.NoError(t, w.js.DeleteConsumer(t.Context(), advisoryStream, "EVENTS_test"))
		},
		"stream deleted": func(t *testing.T, w *world) {
			t.Helper()
			require.NoError(t, w.js.DeleteStream(t.Context(), advisoryStream))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.awaitRetry(t)
			listening := func() bool {
				consumer, err := w.js.Consumer(t.Context(), advisoryStream, "EVENTS_test")
				return err == nil && consumer.CachedInfo().NumWaiting > 0
			}
			eventually(t, listening)
			disturb(t, w)
			eventually(t, listening)
			stream, err := w.js.Stream(t.Context(), wire.DefaultStream)
			require.NoError(t, err)
			require.NoError(t, stream.DeleteMsg(t.Context(), 1))
			require.Equal(t, 1, numberIn(t, w.awaitLetters(t, 1)[0]))
		})
	}
}

// Two subscriptions don't take each other's.
func TestAdvisoriesOfTwoSubscriptions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other := oneTry()
	other.Durable = "other"
	stopBoth := []func(){run(t, w.handling(t, oneTry())), run(t, w.handling(t, other))}
	for _, durable := range []string{"EVENTS_test", "EVENTS_other"} {
		eventually(t, func() bool {
			_, err := w.js.Consumer(t.Context(), advisoryStream, durable)
			return err == nil
		})
	}
	for _, stop := range stopBoth {
		stop()
	}
	w.publish(t, "invoice-1", drafted{N: 1})
	w.fetch(t, wire.DefaultStream) // for "test"; "other" gets it below
	w.awaitAdvisories(t, 1)
	stop := run(t, w.handling(t, other))
	eventually(t, func() bool {
		consumer, err := w.js.Consumer(t.Context(), wire.DefaultStream, "other")
		return err == nil && consumer.CachedInfo().AckFloor.Stream == 1
	})
	stop()
	require.Empty(t, w.deadLetters(t))
	run(t, w.handling(t, oneTry()))
	require.Equal(t, "test", w.awaitLetters(t, 1)[0].Consumer)
}
