package subscribers_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/subscribers"
)

// modelRuns is how many plans are tried in the short form; with CONTRAIL_LONG=1 it is for rapid to say (-rapid.checks). A failure is shrunk in either.
const modelRuns = 6

// Whatever the verdicts, and whatever happens to processes and broker in the midst of it: afterwards each event has taken effect, once, or is a dead
// letter, once, and which of the two and why is what the handlers' last word on it says. What is requeued goes through it again.
func TestSubscriptionAgainstAModel(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	config := pgtest.New(t).Config()
	config.MaxConns = 40 // those who are stuck keep theirs
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	_, err = pool.Exec(t.Context(), `CREATE TABLE effects (id bigserial PRIMARY KEY, position bigint NOT NULL)`)
	require.NoError(t, err)
	tried, failing := 0, false
	rapid.Check(t, func(rt *rapid.T) {
		if tried++; tried > modelRuns && !failing && !long() {
			return
		}
		passed := false
		defer func() { failing = failing || !passed }() // then shrinking begins
		plan := drawPlan(rt)
		rt.Log(plan.String())
		w.forget(t, pool)
		carryOut(t, rt, w, pool, plan)
		passed = true
	})
}

// forget brings broker and database back to where they were.
func (w *world) forget(t *testing.T, pool *pgxpool.Pool) {
	t.Helper()
	for _, stream := range []string{wire.DefaultStream, wire.DefaultDeadLetters, advisoryStream} {
		if err := w.js.DeleteStream(t.Context(), stream); err != nil {
			require.ErrorIs(t, err, jetstream.ErrStreamNotFound)
		}
	}
	_, err := pool.Exec(t.Context(), `TRUNCATE contrail.inbox, contrail.inbox_pages, effects RESTART IDENTITY`)
	require.NoError(t, err)
	w.createStream(t)
	w.position, w.versions = 0, map[string]int64{}
}

// carryOut does it, round by round, and checks each.
func carryOut(t *testing.T, rt *rapid.T, w *world, pool *pgxpool.Pool, plan modelPlan) {
	t.Helper()
	db := stdlib.OpenDBFromPool(pool)
	defer db.Close() //nolint:errcheck // it closes nothing of its own
	r := &modelRun{
		plan: plan, world: w, pool: pool, inbox: subscribers.NewInbox(pool), release: make(chan struct{}), round: make([]int, len(plan.streams)),
	}
	if plan.form == formSQL {
		r.inbox = subscribers.NewInboxSQL(db)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	defer close(r.release)
	for n, stream := range plan.streams {
		w.publish(t, fmt.Sprintf("invoice-%d", stream), drafted{N: n})
	}
	var processes []*process
	for number := range plan.processes {
		processes = append(processes, r.start(ctx, rt, number))
	}
	for _, d := range plan.disturbances {
		r.disturb(ctx, t, rt, processes, d)
	}
	for round := range modelRounds {
		seen := r.await(t, rt)
		r.check(rt, seen)
		if round < modelRounds-1 {
			r.requeue(t, seen)
		}
	}
	var all []*subscribers.Subscription
	for _, p := range processes {
		p.end(rt)
		all = append(all, p.past...)
	}
	r.checkStats(t, rt, all)
}

// disturb waits until so many calls were made, or no more are, and restarts what is to be restarted.
func (r *modelRun) disturb(ctx context.Context, t *testing.T, rt *rapid.T, processes []*process, d disturbance) {
	t.Helper()
	for deadline := time.Now().Add(time.Second); r.called() < d.calls && time.Now().Before(deadline); {
		<-time.After(time.Millisecond)
	}
	if d.process < 0 {
		r.world.restart(t)
		return
	}
	processes[d.process].end(rt)
	processes[d.process].begin(ctx, rt)
}

// requeue requeues all dead letters as an operator does.
func (r *modelRun) requeue(t *testing.T, seen modelState) {
	t.Helper()
	stream, err := r.world.js.Stream(t.Context(), wire.DefaultDeadLetters)
	require.NoError(t, err)
	for event, letter := range seen.letters {
		r.mu.Lock()
		r.round[event] = letter.Replays + 1
		r.mu.Unlock()
		_, err := r.world.js.PublishMsg(t.Context(), letter.Requeue(wire.DefaultDeadLetters))
		require.NoError(t, err)
		require.NoError(t, stream.DeleteMsg(t.Context(), letter.sequence))
	}
}

// modelState is what is to be seen of the events' fates, by event.
type modelState struct {
	effects map[int]int
	order   []int // the events in the order in which they took effect
	letters map[int]foundLetter
	doubled []int // events with several dead letters
}

type foundLetter struct {
	subscribers.DeadLetter

	sequence uint64
}

// await waits until each event has taken effect or is a dead letter, and the broker has nothing more to deliver.
func (r *modelRun) await(t *testing.T, rt *rapid.T) modelState {
	t.Helper()
	var seen modelState
	var err error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		idle := r.world.idle(t)
		seen, err = r.look(t)
		if idle && err == nil && r.accounted(seen) == "" {
			return seen
		}
		<-time.After(10 * time.Millisecond)
	}
	rt.Fatalf("the events don't come to rest: %v; %s\n%s", err, r.accounted(seen), r.history())
	return seen
}

// idle tells whether no consumer has anything pending.
func (w *world) idle(t *testing.T) bool {
	t.Helper()
	for stream, durable := range map[string]string{wire.DefaultStream: "test", wire.DefaultDeadLetters: "test", advisoryStream: "EVENTS_test"} {
		consumer, err := w.js.Consumer(t.Context(), stream, durable)
		if err != nil || consumer.CachedInfo().NumPending > 0 || consumer.CachedInfo().NumAckPending > 0 {
			return false
		}
	}
	return true
}

// accounted says which event is not.
func (r *modelRun) accounted(seen modelState) string {
	for event := range r.plan.streams {
		if _, dead := seen.letters[event]; !dead && seen.effects[event] == 0 {
			return fmt.Sprintf("event %d has neither taken effect nor become a dead letter", event)
		}
	}
	return ""
}

func (r *modelRun) look(t *testing.T) (modelState, error) {
	t.Helper()
	seen := modelState{effects: map[int]int{}, letters: map[int]foundLetter{}}
	rows, err := r.pool.Query(t.Context(), `SELECT position FROM effects ORDER BY id`)
	require.NoError(t, err)
	positions, err := pgx.CollectRows(rows, pgx.RowTo[int])
	require.NoError(t, err)
	for _, position := range positions {
		seen.effects[position-1]++
		seen.order = append(seen.order, position-1)
	}
	stream, err := r.world.js.Stream(t.Context(), wire.DefaultDeadLetters)
	if err != nil {
		return seen, err
	}
	for sequence := max(stream.CachedInfo().State.FirstSeq, 1); sequence <= stream.CachedInfo().State.LastSeq; sequence++ {
		msg, err := stream.GetMsg(t.Context(), sequence)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			return seen, err
		}
		if !isLetter(msg.Subject) {
			continue
		}
		letter, err := subscribers.ParseDeadLetter(msg.Header, msg.Data)
		require.NoError(t, err)
		event := numberIn(t, letter)
		if _, twice := seen.letters[event]; twice {
			seen.doubled = append(seen.doubled, event)
		}
		seen.letters[event] = foundLetter{letter, sequence}
	}
	return seen, nil
}
