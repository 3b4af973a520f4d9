package parked_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/publisher/parked"
)

// decision is one of the functions that change events.
type decision = func(context.Context, parked.Beginner, parked.Selection, parked.Decision) ([]parked.Outcome, error)

// Every state with every decision: the legal transitions, and no other.
func TestOnlyLegalTransitions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		decide    decision
		from, to  parked.State
		changed   bool
		done      bool
		says      string
		behindOne bool // a parked event of the same stream
	}{
		{name: "requeue", decide: parked.Requeue, from: parked.Parked, to: parked.Requeued, changed: true, done: true, says: "is requeued"},
		{name: "requeue", decide: parked.Requeue, from: parked.Discarded, to: parked.Requeued, changed: true, done: true, says: "is requeued"},
		{name: "requeue", decide: parked.Requeue, from: parked.Requeued, to: parked.Requeued, done: true, says: "is requeued already"},
		{name: "requeue", decide: parked.Requeue, from: parked.Published, to: parked.Published, says: "is published already"},
		{
			name: "requeue", decide: parked.Requeue, from: parked.Held, to: parked.Held, done: true,
			says: "is held by nothing any more: the relay publishes it by itself",
		},
		{
			name: "requeue", decide: parked.Requeue, from: parked.Held, to: parked.Held, behindOne: true,
			says: "is held behind position 1: requeue or discard that",
		},
		{name: "withdraw", decide: parked.Withdraw, from: parked.Requeued, to: parked.Parked, changed: true, done: true, says: "is parked again"},
		{name: "withdraw", decide: parked.Withdraw, from: parked.Parked, to: parked.Parked, done: true, says: "is parked already"},
		{name: "withdraw", decide: parked.Withdraw, from: parked.Held, to: parked.Held, says: "is held, not requeued"},
		{name: "withdraw", decide: parked.Withdraw, from: parked.Discarded, to: parked.Discarded, says: "is discarded, not requeued"},
		{name: "withdraw", decide: parked.Withdraw, from: parked.Published, to: parked.Published, says: "is published already"},
		{name: "discard", decide: parked.Discard, from: parked.Parked, to: parked.Discarded, changed: true, done: true, says: "is discarded"},
		{name: "discard", decide: parked.Discard, from: parked.Requeued, to: parked.Discarded, changed: true, done: true, says: "is discarded"},
		{name: "discard", decide: parked.Discard, from: parked.Held, to: parked.Discarded, behindOne: true, changed: true, done: true, says: "is discarded"},
		{name: "discard", decide: parked.Discard, from: parked.Discarded, to: parked.Discarded, done: true, says: "is discarded already"},
		{name: "discard", decide: parked.Discard, from: parked.Published, to: parked.Published, says: "is published already"},
	} {
		t.Run(fmt.Sprintf("%s %s, behind a parked one %t", c.name, c.from, c.behindOne), func(t *testing.T) {
			t.Parallel()
			l := newLedger(t)
			if c.behindOne {
				l.park("invoice-1", parked.Parked)
			}
			position := l.park("invoice-1", c.from)
			before := l.get(position)
			outcomes, err := c.decide(t.Context(), l.pool, parked.At("EVENTS", position), ada("why"))
			require.NoError(t, err)
			require.Equal(t, []parked.Outcome{{
				Relay: "EVENTS", Position: position, Before: c.from, After: c.to, Changed: c.changed, Done: c.done, Text: c.says,
			}}, outcomes)
			after := l.get(position)
			require.Equal(t, c.to, after.State)
			if !c.changed {
				require.Equal(t, before, after)
				require.Zero(t, l.requests())
				return
			}
			require.Equal(t, "ada@ops", after.ChangedBy)
			require.Equal(t, "why", after.Note)
			require.Greater(t, after.ChangedAt, before.ChangedAt)
			require.Equal(t, before.ParkedAt, after.ParkedAt)
			require.Equal(t, 1, l.requests())
		})
	}
}

// A delivery failure never clobbers the reason, nor does a person, nor does success.
func TestRequeueKeepsReasonAndError(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	position := l.park("invoice-1", parked.Parked)
	kept := func() {
		t.Helper()
		event := l.get(position)
		require.Equal(t, parked.ReasonMessageTooLarge, event.Reason)
		require.Equal(t, "nats: maximum payload exceeded", event.Error)
		require.Equal(t, 8, event.Attempts)
	}
	for _, decide := range []decision{parked.Requeue, parked.Withdraw, parked.Discard, parked.Requeue} {
		_, err := decide(t.Context(), l.pool, parked.At("EVENTS", position), ada("why"))
		require.NoError(t, err)
		kept()
	}
	l.publish(position, 99)
	kept()
}

// Neither "all" nor a filter brings back what somebody has decided against; only one that names it does.
func TestNothingButAPersonRevivesAParkedEvent(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	waits, decided, done := l.park("a-1", parked.Parked), l.park("a-1", parked.Discarded), l.park("a-1", parked.Published)
	l.append("a-1") // which wakes relays, and changes nothing
	require.Equal(t, []parked.State{parked.Parked, parked.Discarded, parked.Published}, []parked.State{l.state(waits), l.state(decided), l.state(done)})
	outcomes, err := parked.Requeue(t.Context(), l.pool, parked.Matching(parked.Filter{}), ada(""))
	require.NoError(t, err)
	require.Len(t, outcomes, 1)
	require.Equal(t, []parked.State{parked.Requeued, parked.Discarded, parked.Published}, []parked.State{l.state(waits), l.state(decided), l.state(done)})
	_, err = parked.Requeue(t.Context(), l.pool, parked.Matching(parked.Filter{States: []parked.State{parked.Discarded}}), ada(""))
	require.NoError(t, err)
	require.Equal(t, parked.Requeued, l.state(decided))
}

// What was held stays behind what is parked, also when it was discarded in between; requeueing both at once lets both go.
func TestRequeueKeepsTheOrderOfAStream(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	first := l.park("a-1", parked.Parked)
	held, other := l.park("a-1", parked.Held), l.park("a-2", parked.Held)
	_, err := parked.Discard(t.Context(), l.pool, parked.At("EVENTS", held), ada("superseded"))
	require.NoError(t, err)
	outcomes, err := parked.Requeue(t.Context(), l.pool, parked.At("EVENTS", held, other), ada(""))
	require.NoError(t, err)
	require.Equal(t, []string{
		fmt.Sprintf("is held behind position %d: requeue or discard that", first),
		"is held by nothing any more: the relay publishes it by itself",
	}, texts(outcomes))
	require.Equal(t, parked.Discarded, l.state(held))
	outcomes, err = parked.Requeue(t.Context(), l.pool, parked.At("EVENTS", held, first), ada(""))
	require.NoError(t, err)
	require.Equal(t, []string{"is requeued", "is requeued"}, texts(outcomes))
}

// A page that somebody has looked at for a while decides only about what is as it was.
func TestRequeueIsOptimistic(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	first, second, third := l.park("a-1", parked.Parked), l.park("a-2", parked.Parked), l.park("a-3", parked.Parked)
	seen := parked.Seen(l.get(first).Event, l.get(second).Event, l.get(third).Event)
	_, err := parked.Discard(t.Context(), l.pool, parked.At("EVENTS", first), bob("a test event"))
	require.NoError(t, err)
	_, err = parked.Requeue(t.Context(), l.pool, parked.At("EVENTS", third), bob(""))
	require.NoError(t, err)
	outcomes, err := parked.Requeue(t.Context(), l.pool, seen, ada("all of the page"))
	require.NoError(t, err)
	require.Equal(t, []string{"has changed meanwhile: it is discarded now, by bob@ops", "is requeued", "is requeued already"}, texts(outcomes))
	require.Equal(t, "a test event", l.get(first).Note)
	require.Equal(t, "bob@ops", l.get(third).ChangedBy)

	outcomes, err = parked.Discard(t.Context(), l.pool, seen, ada("all of the page"))
	require.NoError(t, err)
	require.Equal(t, []string{
		"is discarded already", "has changed meanwhile: it is requeued now, by ada@ops", "has changed meanwhile: it is requeued now, by bob@ops",
	}, texts(outcomes))
}

// Each position that is named has its outcome, once and in order; those of another relay are not meant.
func TestEachPositionIsTold(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	there, elsewhere := l.park("a-1", parked.Parked), l.append("a-1")
	l.leaveOut("BILLING", elsewhere, parked.Parked, parked.ReasonRefused)
	outcomes, err := parked.Requeue(t.Context(), l.pool, parked.At("EVENTS", 99, elsewhere, there, there), ada(""))
	require.NoError(t, err)
	require.Equal(t, []parked.Outcome{
		{Relay: "EVENTS", Position: there, Before: parked.Parked, After: parked.Requeued, Changed: true, Done: true, Text: "is requeued"},
		{Relay: "EVENTS", Position: elsewhere, Text: "is no parked event of EVENTS"},
		{Relay: "EVENTS", Position: 99, Text: "is no parked event of EVENTS"},
	}, outcomes)
	outcomes, err = parked.Requeue(t.Context(), l.pool, parked.Selection{}, ada(""))
	require.NoError(t, err)
	require.Empty(t, outcomes)
}

// A filter selects across relays, each of which is asked once, and with a limit the lowest positions.
func TestRequeueByFilter(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	l.exec(`INSERT INTO contrail.relays (stream) VALUES ('BILLING'), ('OTHER')`)
	first, second, third := l.park("invoice-1", parked.Parked), l.park("order-1", parked.Parked), l.park("invoice-2", parked.Parked)
	l.leaveOut("BILLING", first, parked.Parked, parked.ReasonRefused)
	requeue := func(filter parked.Filter) (found []contrail.Position) {
		t.Helper()
		outcomes, err := parked.Requeue(t.Context(), l.pool, parked.Matching(filter), ada(""))
		require.NoError(t, err)
		for _, outcome := range outcomes {
			require.True(t, outcome.Changed)
			found = append(found, outcome.Position)
		}
		return found
	}
	require.Equal(t, []contrail.Position{first}, requeue(parked.Filter{Relay: "EVENTS", Category: "invoice", Limit: 1}))
	require.Equal(t, []contrail.Position{second}, requeue(parked.Filter{Stream: contrail.NewStreamID("order", "1")}))
	require.Equal(t, 2, l.requests())
	require.Equal(t, []contrail.Position{first, third}, requeue(parked.Filter{}), "BILLING's first")
	require.Equal(t, 3, l.requests())
	require.Equal(t, "1 0", value[string](l, `SELECT string_agg(requests::text, ' ' ORDER BY stream) FROM contrail.relays WHERE stream <> 'EVENTS'`))
}

// Nothing is half done, and in the caller's transaction nothing is done before he commits.
func TestDecisionsGoWithTheTransaction(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	position := l.park("a-1", parked.Parked)
	listener := l.listen()
	tx, err := l.pool.Begin(t.Context())
	require.NoError(t, err)
	outcomes, err := parked.Requeue(t.Context(), tx, parked.At("EVENTS", position), ada(""))
	require.NoError(t, err)
	require.Equal(t, []string{"is requeued"}, texts(outcomes))
	require.Equal(t, parked.Parked, l.state(position))
	require.NoError(t, tx.Rollback(t.Context()))
	require.Equal(t, parked.Parked, l.state(position))
	require.Zero(t, l.requests())

	require.NoError(t, pgx.BeginFunc(t.Context(), l.pool, func(tx pgx.Tx) error {
		_, err := parked.Requeue(t.Context(), tx, parked.At("EVENTS", position), ada(""))
		return err
	}))
	require.Equal(t, parked.Requeued, l.state(position))
	require.Equal(t, 1, l.requests())
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	_, err = listener.WaitForNotification(ctx)
	require.NoError(t, err, "an idle relay is woken")

	l.exec(`ALTER TABLE contrail.relays ADD CONSTRAINT full_up CHECK (requests < 2)`)
	_, err = parked.Discard(t.Context(), l.pool, parked.At("EVENTS", position), ada("why"))
	require.ErrorContains(t, err, "discard parked events: ")
	require.Equal(t, parked.Requeued, l.state(position))
}

// What can't be meant is refused before the database is asked, every fault at once.
func TestRefusedDecisions(t *testing.T) {
	t.Parallel()
	for says, c := range map[string]struct {
		decide decision
		which  parked.Selection
		by     parked.Decision
	}{
		"requeue parked events: parked.Decision: By is empty, must say who decides": {parked.Requeue, parked.At("EVENTS", 1), parked.Decision{}},
		"discard parked events: parked.Selection: the relay of position 0 is \"\", must name a JetStream stream\n" +
			"parked.Selection: position 0 must be above zero\nparked.Decision: By is empty, must say who decides\n" +
			"parked.Decision: Note is empty, must say why the events shall never be published": {parked.Discard, parked.At("", 0), parked.Decision{}},
		"requeue parked events: parked.Filter: States has held; to requeue takes one of [parked discarded]": {
			parked.Requeue, parked.Matching(parked.Filter{States: []parked.State{parked.Held}}), ada(""),
		},
		"discard parked events: parked.Filter: States has published; to discard takes one of [parked held requeued]": {
			parked.Discard, parked.Matching(parked.Filter{States: []parked.State{parked.Published}}), ada("why"),
		},
		"withdraw parked events: parked.Filter: States has parked; to withdraw takes one of [requeued]\n" +
			"parked.Decision: Note is \"\\x00\", must be UTF-8 without NUL": {
			parked.Withdraw, parked.Matching(parked.Filter{States: []parked.State{parked.Parked}}), ada("\x00"),
		},
		"discard parked events: parked.Filter: States has \"gone\", which is none of [parked held requeued published discarded]\n" +
			"parked.Filter: Backwards is set, but a change goes from the lowest position up": {
			parked.Discard, parked.Matching(parked.Filter{States: []parked.State{"gone"}, Backwards: true}), ada("why"),
		},
	} {
		_, err := c.decide(t.Context(), nil, c.which, c.by)
		require.EqualError(t, err, says)
	}
}
