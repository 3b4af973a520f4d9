package parked_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/publisher/parked"
)

// Bob decides while Ada's decision is on its way. He waits for it, and is told; what he named is then requeued knowingly, what he saw or
// meant otherwise is not.
func TestTwoPersonsAtOnce(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		bob  func(seen parked.Event) parked.Selection
		says []string
		ends parked.State
	}{
		"by position": {func(seen parked.Event) parked.Selection { return parked.At("EVENTS", seen.Position) }, []string{"is requeued"}, parked.Requeued},
		"by filter":   {func(parked.Event) parked.Selection { return parked.Matching(parked.Filter{}) }, nil, parked.Discarded},
		"as seen": {
			func(seen parked.Event) parked.Selection { return parked.Seen(seen) },
			[]string{"has changed meanwhile: it is discarded now, by ada@ops"},
			parked.Discarded,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLedger(t)
			position := l.park("a-1", parked.Parked)
			which := c.bob(l.get(position).Event)
			tx := l.begin()
			_, err := parked.Discard(t.Context(), tx, parked.At("EVENTS", position), ada("superseded"))
			require.NoError(t, err)
			told := make(chan []parked.Outcome, 1)
			go func() {
				outcomes, _ := parked.Requeue(t.Context(), l.pool, which, bob(""))
				told <- outcomes
			}()
			l.awaitWaiting()
			require.NoError(t, tx.Commit(t.Context()))
			outcomes := <-told
			require.Equal(t, c.says, texts(outcomes))
			require.Equal(t, c.ends, l.state(position))
			if c.ends == parked.Requeued {
				require.Equal(t, parked.Discarded, outcomes[0].Before)
			}
		})
	}
}

// The relay publishes an event while somebody decides against it: the stream has it, and whoever is late is told.
func TestPersonAndRelayAtOnce(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	position := l.park("a-1", parked.Requeued)
	relay := l.begin()
	_, err := relay.Exec(t.Context(), `UPDATE contrail.parked SET state = 'published', sequence = 7 WHERE position = $1`, int64(position))
	require.NoError(t, err)
	told := make(chan []parked.Outcome, 1)
	go func() {
		outcomes, _ := parked.Withdraw(t.Context(), l.pool, parked.At("EVENTS", position), bob(""))
		told <- outcomes
	}()
	l.awaitWaiting()
	require.NoError(t, relay.Commit(t.Context()))
	require.Equal(t, []string{"is published already"}, texts(<-told))
	require.Equal(t, uint64(7), l.get(position).Sequence)
}

// Persons who requeue, withdraw, discard and purge, and a relay that publishes and parks, all at once: nobody meets a deadlock, and the
// decisions that were told make a way, for every event, from where it began to where it is.
func TestNoDecisionIsLost(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	var all []contrail.Position
	for range 8 {
		all = append(all, l.park("a-1", parked.Parked))
	}
	var mutex sync.Mutex
	degree, calls := map[contrail.Position]map[parked.State]int{}, 0
	note := func(outcomes []parked.Outcome) {
		mutex.Lock()
		defer mutex.Unlock()
		asked := false
		for _, outcome := range outcomes {
			if outcome.Changed {
				if degree[outcome.Position] == nil {
					degree[outcome.Position] = map[parked.State]int{}
				}
				degree[outcome.Position][outcome.Before]--
				degree[outcome.Position][outcome.After]++
				asked = true
			}
		}
		if asked {
			calls++
		}
	}
	var group sync.WaitGroup
	for person := range 4 {
		group.Go(func() { l.decideAtRandom(rand.New(rand.NewPCG(1, uint64(person))), all, note) })
	}
	group.Go(func() { l.relayAtRandom(rand.New(rand.NewPCG(2, 0)), note) })
	group.Wait()
	for _, position := range all {
		want := map[parked.State]int{parked.Parked: -1}
		want[l.state(position)]++
		for _, state := range parked.States() {
			require.Equal(t, want[state], degree[position][state], "position %d, %s", position, state)
		}
	}
	require.Equal(t, calls, l.requests())
}

func (l ledger) decideAtRandom(random *rand.Rand, all []contrail.Position, note func([]parked.Outcome)) {
	for range 60 {
		decide := []decision{parked.Requeue, parked.Withdraw, parked.Discard}[random.IntN(3)]
		which := parked.At("EVENTS", all[random.IntN(len(all))], all[random.IntN(len(all))])
		if random.IntN(3) == 0 {
			which = parked.Matching(parked.Filter{Relay: "EVENTS", Limit: int64(random.IntN(3))})
		}
		outcomes, err := decide(l.Context(), l.pool, which, ada("why"))
		if err != nil {
			l.Errorf("decide: %v", err)
			return
		}
		note(outcomes)
	}
}

// relayAtRandom parks again what is requeued, its rows before the row of the cursor. It counts as one that asks itself.
func (l ledger) relayAtRandom(random *rand.Rand, note func([]parked.Outcome)) {
	for range 60 {
		var outcomes []parked.Outcome
		err := pgx.BeginFunc(l.Context(), l.pool, func(tx pgx.Tx) error {
			rows, err := tx.Query(l.Context(), `UPDATE contrail.parked SET state = 'parked', attempts = attempts + 1
				WHERE position = (SELECT position FROM contrail.parked WHERE state = 'requeued' ORDER BY position LIMIT 1 OFFSET $1 FOR NO KEY UPDATE)
				RETURNING position`, random.IntN(2))
			if err != nil {
				return err
			}
			outcomes, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (o parked.Outcome, err error) {
				o.Before, o.After, o.Changed = parked.Requeued, parked.Parked, true
				return o, row.Scan(&o.Position)
			})
			if err != nil || len(outcomes) == 0 {
				return err
			}
			_, err = tx.Exec(l.Context(), `UPDATE contrail.relays SET requests = requests + 1, position = position + 1 WHERE stream = 'EVENTS'`)
			return err
		})
		if err != nil {
			l.Errorf("relay: %v", err)
			return
		}
		note(outcomes)
	}
}

func (l ledger) begin() pgx.Tx {
	l.Helper()
	tx, err := l.pool.Begin(l.Context())
	require.NoError(l, err)
	l.Cleanup(func() { _ = tx.Rollback(context.Background()) })
	return tx
}

// awaitWaiting waits until a session waits for another's lock.
func (l ledger) awaitWaiting() {
	l.Helper()
	require.Eventually(l, func() bool {
		return value[bool](l, `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')`)
	}, 30*time.Second, 5*time.Millisecond)
}
