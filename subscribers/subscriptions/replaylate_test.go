package subscriptions_test

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/subscribers"
	"github.com/contrail-events/contrail/subscribers/subscriptions"
)

// Late events stand in the stream behind all that are in their order, and the replay is interrupted among them: it goes on behind the last one that it sent, also
// when the broker has forgotten the ids of those.
func TestReplayGoesOnAmongLateEvents(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run(w.subscribe(subscribers.Config{Concurrency: 1}))
	w.append("a-1", 5)
	w.position = 8 // 6 to 8 are parked
	w.append("a-1", 2)
	for _, late := range upTo(6, 8) {
		w.late("a-1", late, wire.ResentRequeue)
	}
	w.eventually(func() bool { return len(w.effects()) == 10 })
	dl, err := w.js.Stream(t.Context(), "DEADLETTERS")
	require.NoError(t, err)
	config := dl.CachedInfo().Config
	config.Duplicates = 100 * time.Millisecond
	_, err = w.js.UpdateStream(t.Context(), config)
	require.NoError(t, err)

	ctx, interrupt := context.WithCancel(t.Context())
	_, err = subscriptions.Replay{ID: "run-1", To: 8, Rate: 4, Progress: func(done subscriptions.ReplayDone) {
		if done.Events == 7 {
			interrupt()
		}
	}}.Run(ctx, w.js, w.pool, w.name)
	require.ErrorIs(t, err, context.Canceled)
	w.requeuedAreSettled(17)
	w.idsAreForgotten()
	done := w.replay(subscriptions.Replay{ID: "run-1", To: 8})
	require.Equal(t, [2]int64{1, 7}, [2]int64{done.Events, done.Before})
	w.requeuedAreSettled(18)
}

// idsAreForgotten waits until the stream of dead letters has forgotten the message ids that it knows now.
func (w *world) idsAreForgotten() {
	w.Helper()
	known := &nats.Msg{Subject: "deadletters.foreign.nobody", Header: nats.Header{wire.HeaderMsgID: {"known"}}}
	_, err := w.js.PublishMsg(w.Context(), known)
	require.NoError(w, err)
	w.eventually(func() bool {
		ack, err := w.js.PublishMsg(w.Context(), known)
		return err == nil && !ack.Duplicate
	})
}
