package parked_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/publisher/parked"
)

// Random decisions of persons and deeds of a relay against a model of the states alone: each outcome, list and count must be the model's.
func TestDecisionsAreTheModels(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	rapid.Check(t, func(t *rapid.T) {
		m := newMachine(t, pool)
		t.Repeat(map[string]func(*rapid.T){
			"park":     m.park,
			"requeue":  func(t *rapid.T) { m.decide(t, parked.Requeue, m.requeued) },
			"withdraw": func(t *rapid.T) { m.decide(t, parked.Withdraw, m.withdrawn) },
			"discard":  func(t *rapid.T) { m.decide(t, parked.Discard, m.discarded) },
			"purge":    m.purge,
			"publish":  m.publish,
			"":         m.compare,
		})
	})
}

// modelled is an event of the model.
type modelled struct {
	stream string
	state  parked.State
	reason parked.Reason
	resent bool
	wordy  bool
}

// machine is a relay of its own, in the database and in the model.
type machine struct {
	pool   *pgxpool.Pool
	relay  string
	events map[contrail.Position]modelled
	last   contrail.Position
	asked  int
}

func newMachine(t *rapid.T, pool *pgxpool.Pool) *machine {
	m := &machine{pool: pool, relay: uuid.NewString(), events: map[contrail.Position]modelled{}}
	_, err := pool.Exec(context.Background(), `INSERT INTO contrail.relays (stream, position, sequence) VALUES ($1, 1000000, 1000000)`, m.relay)
	require.NoError(t, err)
	return m
}

func (m *machine) positions() []contrail.Position { return slices.Sorted(maps.Keys(m.events)) }

// park is the relay's: behind a parked event of the same stream, one is held.
func (m *machine) park(t *rapid.T) {
	m.last++
	event := modelled{stream: fmt.Sprintf("a-%d", rapid.IntRange(1, 2).Draw(t, "stream")), state: parked.Parked, reason: parked.ReasonRefused, wordy: true}
	if m.blocked(m.last, event.stream) && rapid.Bool().Draw(t, "per stream") {
		event.state, event.reason = parked.Held, parked.ReasonHeld
	}
	m.events[m.last] = event
	_, err := m.pool.Exec(context.Background(), `INSERT INTO contrail.parked (relay, position, stream, state, reason, error) VALUES ($1, $2, $3, $4, $5, 'no')`,
		m.relay, int64(m.last), event.stream, event.state, event.reason)
	require.NoError(t, err)
}

func (m *machine) blocked(position contrail.Position, stream string) bool {
	for other, event := range m.events {
		if other < position && event.stream == stream && event.state == parked.Parked {
			return true
		}
	}
	return false
}

// publish is the relay's: what is requeued, and what is held no longer.
func (m *machine) publish(t *rapid.T) {
	if len(m.events) == 0 {
		t.Skip("nothing to publish")
	}
	position := rapid.SampledFrom(m.positions()).Draw(t, "position")
	event := m.events[position]
	if event.state != parked.Requeued && (event.state != parked.Held || m.blocked(position, event.stream)) {
		t.Skip("not its turn")
	}
	event.state, event.resent = parked.Published, rapid.Bool().Draw(t, "out of order")
	m.events[position] = event
	_, err := m.pool.Exec(context.Background(),
		`UPDATE contrail.parked SET state = 'published', sequence = CASE WHEN $3 THEN 1 END WHERE relay = $1 AND position = $2`,
		m.relay, int64(position), event.resent)
	require.NoError(t, err)
}

// decide lets a person decide about some positions, or about those of a filter.
func (m *machine) decide(t *rapid.T, decide decision, model func(named map[contrail.Position]bool) map[contrail.Position]parked.State) {
	named := map[contrail.Position]bool{}
	for _, position := range rapid.SliceOfN(rapid.Int64Range(1, int64(m.last)+1), 1, 4).Draw(t, "positions") {
		named[contrail.Position(position)] = true
	}
	want := model(named)
	outcomes, err := decide(context.Background(), m.pool, parked.At(m.relay, slices.Collect(maps.Keys(named))...), ada("why"))
	require.NoError(t, err)
	require.Len(t, outcomes, len(named))
	for _, outcome := range outcomes {
		before, after := m.events[outcome.Position].state, m.events[outcome.Position].state
		if changed, found := want[outcome.Position]; found {
			after = changed
		}
		require.Equal(t, before, outcome.Before)
		require.Equal(t, after, outcome.After)
		require.Equal(t, before != after, outcome.Changed)
	}
	m.heed(want)
}

func (m *machine) heed(changes map[contrail.Position]parked.State) {
	for position, state := range changes {
		event := m.events[position]
		event.state, event.wordy = state, true
		m.events[position] = event
	}
	if len(changes) > 0 {
		m.asked++
	}
}

// requeued are those that are parked, and those discarded ones that may follow then.
func (m *machine) requeued(named map[contrail.Position]bool) map[contrail.Position]parked.State {
	blockers := map[string][]contrail.Position{}
	for position, event := range m.events {
		if event.state == parked.Parked && !named[position] {
			blockers[event.stream] = append(blockers[event.stream], position)
		}
	}
	changes := map[contrail.Position]parked.State{}
	for position := range named {
		event := m.events[position]
		behind := slices.ContainsFunc(blockers[event.stream], func(blocker contrail.Position) bool { return blocker < position })
		if event.state == parked.Parked || event.state == parked.Discarded && (event.reason != parked.ReasonHeld || !behind) {
			changes[position] = parked.Requeued
		}
	}
	return changes
}

func (m *machine) withdrawn(named map[contrail.Position]bool) map[contrail.Position]parked.State {
	return m.of(named, parked.Parked, parked.Requeued)
}

func (m *machine) discarded(named map[contrail.Position]bool) map[contrail.Position]parked.State {
	return m.of(named, parked.Discarded, parked.Parked, parked.Held, parked.Requeued)
}

// of are the named events in one of the states.
func (m *machine) of(named map[contrail.Position]bool, to parked.State, from ...parked.State) map[contrail.Position]parked.State {
	changes := map[contrail.Position]parked.State{}
	for position := range named {
		if slices.Contains(from, m.events[position].state) {
			changes[position] = to
		}
	}
	return changes
}

// purge takes out what is published in its order, and the words of what is published out of it or discarded.
func (m *machine) purge(t *rapid.T) {
	batch := rapid.IntRange(1, 3).Draw(t, "batch")
	_, err := m.pool.Exec(context.Background(), `UPDATE contrail.parked SET changed_at = changed_at - interval '1 hour' WHERE relay = $1`, m.relay)
	require.NoError(t, err)
	outcomes, err := parked.Purge(context.Background(), m.pool, parked.Matching(parked.Filter{Relay: m.relay}),
		parked.Retention{OlderThan: time.Minute, Batch: batch})
	require.NoError(t, err)
	purged := 0
	for position, event := range m.events {
		switch {
		case event.state == parked.Published && !event.resent:
			delete(m.events, position)
			purged++
		case (event.state == parked.Discarded || event.resent) && event.wordy:
			event.wordy = false
			m.events[position] = event
			purged++
		}
	}
	require.Len(t, outcomes, purged)
	m.asked += (purged + batch - 1) / batch
}

// compare looks at everything.
func (m *machine) compare(t *rapid.T) {
	found := map[contrail.Position]modelled{}
	for event, err := range parked.List(context.Background(), m.pool, parked.Filter{Relay: m.relay, States: parked.States()}) {
		require.NoError(t, err)
		found[event.Position] = modelled{
			event.Stream.String(), event.State, event.Reason, event.Sequence > 0, event.Error != "" || event.Note != "",
		}
	}
	require.Equal(t, m.events, found)
	counts, err := parked.Count(context.Background(), m.pool, m.relay)
	require.NoError(t, err)
	for _, event := range m.events {
		counts[event.state]--
	}
	for state, n := range counts {
		require.Zero(t, n, state)
	}
	var asked int
	require.NoError(t, m.pool.QueryRow(context.Background(), `SELECT requests FROM contrail.relays WHERE stream = $1`, m.relay).Scan(&asked))
	require.Equal(t, m.asked, asked)
}
