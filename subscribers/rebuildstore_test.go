package subscribers_test

import (
	"context"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/subscribers"
	"github.com/contrail-events/contrail/subscribers/projections"
)

// rebuildFails wants a rebuild that is given up for good, with a reason.
func (w *storedWorld) rebuildFails(tb testing.TB, reason string) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), patience)
	defer cancel()
	_, err := projections.Await(ctx, w.pool, w.ask(tb), nil)
	var ended *projections.EndedError
	require.ErrorAs(tb, err, &ended)
	require.ErrorContains(tb, err, reason)
}

const anotherStore = "give the one that the stream's events are in (ProjectionConfig.Store)"

// The read model's database has Contrail's tables, and the events are elsewhere: the read model is not replaced with nothing.
func TestRebuildWhoseStoreWasForgotten(t *testing.T) {
	t.Parallel()
	w := newStoredWorld(t)
	run(t, w.model(t, subscribers.ProjectionConfig{}))
	w.publishMany(t, 20, 3) // not in this database
	w.reaches(t, w.pool)
	w.rebuildFails(t, anotherStore)
	require.Equal(t, upTo(20), w.positions(t))
}

// The read model's database has events of its own, too: the read model is not replaced with those.
func TestRebuildFromAStoreOfOtherEvents(t *testing.T) {
	t.Parallel()
	w := newStoredWorld(t)
	run(t, w.model(t, subscribers.ProjectionConfig{}))
	for i := range 30 {
		w.exec(t, `INSERT INTO contrail.events (stream, version, type, data) VALUES ('payroll-1', $1, 'SalaryPaid', '{}')`, i+1)
	}
	w.publishMany(t, 20, 3) // of another store
	w.reaches(t, w.pool)
	w.rebuildFails(t, anotherStore)
	require.Equal(t, upTo(20), w.positions(t))
}

// Filter is what the relay's template takes, and Subject was left out, since reading the stream does not need it: a rebuild would find no event of the
// projection's in the store.
func TestRebuildWhoseSubjectWasForgotten(t *testing.T) {
	t.Parallel()
	w := newStoredWorld(t)
	w.template = "{type}.{category}.{id}"
	run(t, w.model(t, subscribers.ProjectionConfig{Filter: []string{"events.InvoiceDrafted.>"}}))
	w.relay(t, 20, 3)
	w.reaches(t, w.pool)
	w.rebuildFails(t, "give the relay's own ProjectionConfig.Prefix and Subject")
	require.Equal(t, upTo(20), w.positions(t))
}

// The projection reads a stream that is filled from the relay's: what the relay has left out of that is not known by its name.
func TestRebuildOverACopyOfTheStream(t *testing.T) {
	t.Parallel()
	w := newStoredWorld(t)
	_, err := w.js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "COPY", Mirror: &jetstream.StreamSource{Name: "EVENTS"}})
	require.NoError(t, err)
	run(t, w.model(t, subscribers.ProjectionConfig{Stream: "COPY"}))
	w.relay(t, 5, 3)
	left := w.stored(t, "invoice-1", drafted{})
	w.leaveOut(t, left, "discarded", "refused")
	w.relay(t, 5, 3)
	w.reaches(t, w.pool)
	w.rebuildFails(t, "stream COPY is a copy of another")
	require.Equal(t, upTo(11, left.Position), w.positions(t))
}

// The relay is stopped and has not written down its last messages: the rebuild waits for it, and says so.
func TestRebuildBehindARelayThatDoesNotRun(t *testing.T) {
	t.Parallel()
	w := newStoredWorld(t)
	w.relay(t, 20, 3)
	w.exec(t, `INSERT INTO contrail.relays (stream, position, sequence) VALUES ('EVENTS', 19, 19)`)
	run(t, w.model(t, subscribers.ProjectionConfig{}))
	w.reaches(t, w.pool)
	asked := w.ask(t)
	eventually(t, func() bool {
		var text string
		err := w.pool.QueryRow(t.Context(), `SELECT error FROM contrail.rebuilds WHERE state = 'running'`).Scan(&text)
		return err == nil && text == "the relay of stream EVENTS has not written down all that the projection has read there: does it run?"
	})
	w.exec(t, `UPDATE contrail.relays SET position = 20, sequence = 20`)
	w.awaitDone(t, asked)
	require.Equal(t, upTo(20), w.positions(t))
}
