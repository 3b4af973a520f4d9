package subscribers_test

import (
	"slices"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/subscribers"
	"github.com/contrail-events/contrail/subscribers/projections"
)

// upTo are the positions from 1 to n, without some.
func upTo(n contrail.Position, without ...contrail.Position) []int {
	positions := []int{}
	for position := contrail.Position(1); position <= n; position++ {
		if !slices.Contains(without, position) {
			positions = append(positions, int(position))
		}
	}
	return positions
}

// Events that the relay had left out, lost or repaired, before the rebuild: whatever comes of them later, each is in the read model once.
func TestRebuildOfWhatWasLeftOut(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		state, reason string // as the rebuild finds it
		there         bool   // in the read model that was rebuilt
		comes         string // later, marked like this
	}{
		"parked":                  {state: "parked", reason: "message_too_large", comes: wire.ResentRequeue},
		"held":                    {state: "held", reason: "held", comes: wire.ResentRequeue},
		"requeued":                {state: "requeued", reason: "refused", comes: wire.ResentRequeue},
		"lost on its way":         {state: "requeued", reason: "lost", comes: wire.ResentRequeue},
		"lost, not written down":  {there: true, comes: wire.ResentRequeue},
		"discarded":               {state: "discarded", reason: "refused"},
		"missing":                 {state: "requeued", reason: "missing", there: true, comes: wire.ResentRepair},
		"missing, not asked for":  {there: true, comes: wire.ResentRepair},
		"missing, discarded":      {state: "discarded", reason: "missing", comes: wire.ResentRepair},
		"published, lost, missed": {state: "parked", reason: "refused", comes: wire.ResentRepair},
		"in its order after all":  {state: "published", reason: "refused", there: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newStoredWorld(t)
			logged := newLog()
			config := subscribers.ProjectionConfig{Batch: 4, Logger: logged.logger()}
			stop := run(t, w.model(t, config))
			w.relay(t, 10, 3)
			left := w.stored(t, "invoice-1", drafted{})
			if c.state != "" {
				w.leaveOut(t, left, c.state, c.reason)
			}
			w.relay(t, 10, 3)
			w.reaches(t, w.pool)
			w.awaitDone(t, w.ask(t))
			want := upTo(w.position, left.Position)
			if c.there {
				want = upTo(w.position)
			}
			require.Equal(t, want, w.positions(t))
			if c.comes != "" {
				w.resent(t, left, c.comes)
				want = upTo(w.position)
			}
			w.relay(t, 1, 1)
			want = append(want, int(w.position))
			w.reaches(t, w.pool)
			require.Equal(t, want, w.positions(t))
			logged.never(t, leftOut)

			stop()
			run(t, w.model(t, config))
			if c.comes != "" {
				w.resend(t, left, c.comes, w.position) // and once more, by mistake
			}
			w.relay(t, 1, 1)
			w.reaches(t, w.pool)
			require.Equal(t, append(want, int(w.position)), w.positions(t))
			w.awaitDone(t, w.ask(t))
			require.Equal(t, append(want, int(w.position)), w.positions(t))
			logged.never(t, leftOut)
		})
	}
}

// Events that come through the stream, late, while the rebuild is beyond them, or the other way round.
func TestRebuildOfWhatComesMeanwhile(t *testing.T) {
	t.Parallel()
	w := newStoredWorld(t)
	logged := newLog()
	projection := w.model(t, subscribers.ProjectionConfig{Batch: 4, Logger: logged.logger()})
	halfDone, proceed := make(chan struct{}), make(chan struct{})
	var met atomic.Bool
	projection.OnFilled(func(through contrail.Position) {
		if through >= 30 && met.CompareAndSwap(false, true) {
			halfDone <- struct{}{}
			<-proceed
		}
	})
	run(t, projection)
	left := map[string]contrail.Recorded{}
	for _, name := range []string{"comes", "is discarded", "comes later", "waits", "is repaired", "was late"} {
		w.relay(t, 3, 3)
		left[name] = w.stored(t, "invoice-1", drafted{})
		w.leaveOut(t, left[name], "parked", "refused")
	}
	w.resent(t, left["was late"], wire.ResentRequeue)
	w.relay(t, 40, 3)
	behind := w.stored(t, "invoice-1", drafted{}) // where the rebuild has not been
	w.leaveOut(t, behind, "parked", "refused")
	w.relay(t, 10, 3)
	w.reaches(t, w.pool)
	asked := w.ask(t)
	receive(t, halfDone)
	w.resent(t, left["comes"], wire.ResentRequeue)
	w.resent(t, behind, wire.ResentRequeue)
	w.exec(t, `UPDATE contrail.parked SET state = 'discarded' WHERE position = $1`, left["is discarded"].Position)
	w.reachesLast(t)
	proceed <- struct{}{}
	w.awaitDone(t, asked)
	require.Equal(t, upTo(w.position, left["is discarded"].Position, left["comes later"].Position, left["waits"].Position, left["is repaired"].Position),
		w.positions(t))

	w.resent(t, left["comes later"], wire.ResentRequeue)
	w.resend(t, left["comes later"], wire.ResentRequeue, w.position)
	w.resent(t, left["is repaired"], wire.ResentRepair)
	w.resend(t, left["comes"], wire.ResentRepair, w.position)
	w.relay(t, 1, 1)
	w.reaches(t, w.pool)
	require.Equal(t, upTo(w.position, left["is discarded"].Position, left["waits"].Position), w.positions(t))
	logged.never(t, leftOut)
	logged.never(t, "projection is interrupted")
}

// A batch that waits while the read model is replaced was read by what was known before, and is read again.
func TestRebuildOverABatchThatWaits(t *testing.T) {
	t.Parallel()
	w := newStoredWorld(t)
	projection := w.model(t, subscribers.ProjectionConfig{})
	var lost contrail.Recorded
	projection.OnSwapping(func() {
		w.resend(t, lost, wire.ResentRequeue, w.position)
		eventually(t, func() bool {
			var waiting int
			err := w.pool.QueryRow(t.Context(), `SELECT count(*) FROM pg_locks WHERE NOT granted`).Scan(&waiting)
			return err == nil && waiting > 0
		})
	})
	run(t, projection)
	w.relay(t, 10, 3)
	lost = w.stored(t, "invoice-1", drafted{}) // on its way to a shared stream; nobody has written that down yet
	w.relay(t, 10, 3)
	w.reaches(t, w.pool)
	w.awaitDone(t, w.ask(t))
	require.Equal(t, upTo(w.position), w.positions(t))
	w.relay(t, 1, 1)
	w.reaches(t, w.pool)
	require.Equal(t, upTo(w.position), w.positions(t))
}

// The relay writes down what it has published after the broker has it, and may die before that. Until then nobody else knows that the event is
// in the stream; but the projection has met it there, and won't again.
func TestRebuildWaitsForTheRelayToWriteDownWhatItPublished(t *testing.T) {
	t.Parallel()
	w := newStoredWorld(t)
	run(t, w.model(t, subscribers.ProjectionConfig{}))
	w.relay(t, 10, 3)
	left := w.stored(t, "invoice-1", drafted{})
	w.leaveOut(t, left, "requeued", "refused")
	w.relay(t, 10, 3)
	w.exec(t, `INSERT INTO contrail.relays (stream, position, sequence) VALUES ('EVENTS', $1, $2)`, w.position, int64(w.last(t)))
	w.resend(t, left, wire.ResentRequeue, w.position)
	w.reachesLast(t)
	asked := w.ask(t)
	eventually(t, func() bool {
		now, err := projections.Get(t.Context(), w.pool, "test")
		return err == nil && now.Rebuild.State == projections.Running
	})
	w.writeDown(t, left)
	now, err := projections.Get(t.Context(), w.pool, "test")
	require.NoError(t, err)
	require.Equal(t, projections.Running, now.Rebuild.State)
	w.exec(t, `UPDATE contrail.relays SET sequence = $1`, int64(w.last(t)))
	w.awaitDone(t, asked)
	require.Equal(t, upTo(w.position), w.positions(t))
}

// The stream was lost and filled again, and is shorter than what the checkpoint tells: no relay will ever be as far, and the rebuild does not wait for that.
func TestRebuildWhereTheStreamWasReplaced(t *testing.T) {
	t.Parallel()
	w := newStoredWorld(t)
	stop := run(t, w.model(t, subscribers.ProjectionConfig{}))
	w.relay(t, 4, 3)
	left := w.stored(t, "invoice-1", drafted{})
	w.leaveOut(t, left, "parked", "refused")
	w.relay(t, 4, 3)
	twice := w.stored(t, "invoice-1", drafted{})
	w.leaveOut(t, twice, "parked", "refused")
	w.resent(t, twice, wire.ResentRequeue)
	w.resend(t, twice, wire.ResentRepair, w.position) // so that the checkpoint's sequence is one that the new stream does not reach
	w.reachesLast(t)
	stop()
	require.NoError(t, w.js.DeleteStream(t.Context(), wire.DefaultStream))
	w.createStream(t)
	w.exec(t, `UPDATE contrail.parked SET sequence = NULL WHERE state = 'published'`)
	w.exec(t, `INSERT INTO contrail.relays (stream, position, sequence) VALUES ('EVENTS', $1, 1)`, w.position)
	w.send(t, twice)

	logged := newLog()
	run(t, w.model(t, subscribers.ProjectionConfig{Logger: logged.logger()}))
	w.awaitDone(t, w.ask(t))
	require.Equal(t, upTo(w.position, left.Position), w.positions(t))

	w.send(t, left) // in its order after all: it fills the gap, though it is before the checkpoint
	eventually(t, func() bool { return slices.Equal(upTo(w.position), w.positions(t)) })
	w.relay(t, 3, 1)
	w.reaches(t, w.pool)
	require.Equal(t, upTo(w.position), w.positions(t))
	logged.never(t, leftOut)
}

// What was known of repaired events is known to the next process.
func TestProjectionKnowsWhatWasRepairedOverARestart(t *testing.T) {
	t.Parallel()
	w := newStoredWorld(t)
	lost := w.stored(t, "invoice-1", drafted{})
	w.relay(t, 20, 3)
	w.resend(t, lost, wire.ResentRepair, w.position)
	w.relay(t, 20, 3)
	logged := newLog()
	projection := w.model(t, subscribers.ProjectionConfig{Batch: 4, Logger: logged.logger()})
	committed, proceed := make(chan struct{}), make(chan struct{})
	var once atomic.Bool
	projection.OnCommitted(func() {
		if once.CompareAndSwap(false, true) {
			close(committed)
			<-proceed
		}
	})
	stop := run(t, projection)
	receive(t, committed)
	close(proceed)
	stop()
	run(t, w.model(t, subscribers.ProjectionConfig{Batch: 4, Logger: logged.logger()}))
	w.reaches(t, w.pool)
	require.Equal(t, upTo(w.position), w.positions(t))
	logged.never(t, leftOut)
}
