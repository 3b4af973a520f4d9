package subscriptions_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/subscribers"
	"github.com/contrail-events/contrail/subscribers/subscriptions"
)

func (w *world) preview(start subscribers.Start) subscriptions.Preview {
	w.Helper()
	preview, err := subscriptions.PreviewReset(w.Context(), w.js, w.pool, w.name, start)
	require.NoError(w, err)
	return preview
}

// What is told beforehand is what a reset then does, whether the inbox has rows or folded pages.
func TestPreviewTellsWhatAResetDoes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sub := w.subscribe(subscribers.Config{})
	stop := w.run(sub)
	w.append("a-1", 6)
	w.settled(upTo(1, 6)...)
	stop()
	fourth := subscriptions.Preview{Sequence: 4, Position: 4, Again: 3, Known: 3}
	require.Equal(t, fourth, w.preview(subscribers.FromPosition(4)))
	require.Equal(t, subscriptions.Preview{Sequence: 7}, w.preview(subscribers.FromNew()))
	w.exec(`SELECT contrail.inbox_fold('test', now() + interval '1 hour')`)
	require.Equal(t, fourth, w.preview(subscribers.FromPosition(4)), "folded")
	w.exec(`INSERT INTO contrail.inbox (consumer, position) SELECT $1, n FROM generate_series(70000, 82000) AS n`, "test")
	preview := w.preview(subscribers.Start{})
	require.True(t, preview.More)
	require.GreaterOrEqual(t, preview.Known, int64(10_000))

	require.Equal(t, subscriptions.ResetDone{Sequence: 4, Position: 4}, w.reset(subscriptions.ResetTo{Start: subscribers.FromPosition(4)}))
	require.Equal(t, subscriptions.Preview{Sequence: 7, Passed: 3}, w.preview(subscribers.FromNew()), "what was to come would be passed over")
}

func TestPreviewOfNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := subscriptions.PreviewReset(t.Context(), w.js, w.pool, subscriptions.Name{Durable: "none"}, subscribers.Start{})
	require.ErrorIs(t, err, subscriptions.ErrNotFound)
	stop := w.run(w.subscribe(subscribers.Config{}))
	w.append("a-1", 1)
	w.settled(1)
	stop()
	_, err = subscriptions.PreviewReset(t.Context(), w.js, nil, w.name, subscribers.FromPosition(contrail.Position(99)))
	require.ErrorIs(t, err, subscribers.ErrNotYet)
}
