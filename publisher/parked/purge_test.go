package parked_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/publisher/parked"
)

// Only what is over for long goes, and no excuse with it: what was discarded, or stands out of its order in the stream.
func TestPurgeTakesNoExcuseAway(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	var old, young []contrail.Position
	for _, state := range parked.States() {
		old, young = append(old, l.park("a-1", state)), append(young, l.park("a-2", state))
		l.age(old[len(old)-1], "31 days")
		l.age(young[len(young)-1], "29 days")
	}
	resent := l.park("a-3", parked.Published)
	l.publish(resent, 99)
	l.age(resent, "31 days")
	outcomes, err := parked.Purge(t.Context(), l.pool, parked.Matching(parked.Filter{}), parked.Retention{})
	require.NoError(t, err)
	require.Equal(t, []parked.Outcome{
		{Relay: "EVENTS", Position: old[3], Before: parked.Published, Changed: true, Done: true, Text: "is purged"},
		{
			Relay: "EVENTS", Position: old[4], Before: parked.Discarded, After: parked.Discarded, Changed: true, Done: true,
			Text: "stays discarded; its error and its note are purged",
		},
		{
			Relay: "EVENTS", Position: resent, Before: parked.Published, After: parked.Published, Changed: true, Done: true,
			Text: "stays published; its error and its note are purged",
		},
	}, outcomes)
	require.Equal(t, 1, l.requests())
	require.Equal(t, []contrail.Position{old[0], young[0], old[1], young[1], old[2], young[2], young[3], old[4], young[4], resent},
		positions(t, parked.List(t.Context(), l.pool, parked.Filter{States: parked.States()})))
	for _, position := range []contrail.Position{old[4], resent} {
		kept := l.get(position)
		require.Empty(t, kept.Error)
		require.Equal(t, parked.ReasonMessageTooLarge, kept.Reason)
		require.Equal(t, "relay-1:42", kept.ChangedBy)
	}
	require.Equal(t, uint64(99), l.get(resent).Sequence)
	require.NotEmpty(t, l.get(young[4]).Error)

	outcomes, err = parked.Purge(t.Context(), l.pool, parked.Matching(parked.Filter{}), parked.Retention{})
	require.NoError(t, err)
	require.Empty(t, outcomes, "there is no more")
	require.Equal(t, 1, l.requests())

	l.exec(`UPDATE contrail.parked SET sequence = NULL WHERE position = $1`, int64(resent)) // a rebuild has put it in its order
	outcomes, err = parked.Purge(t.Context(), l.pool, parked.Matching(parked.Filter{}), parked.Retention{})
	require.NoError(t, err)
	require.Equal(t, []string{"is purged"}, texts(outcomes))
}

func TestPurgeByPosition(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	waits, held := l.park("a-1", parked.Parked), l.park("a-1", parked.Held)
	young, old := l.park("a-1", parked.Published), l.park("a-1", parked.Published)
	discarded, resent := l.park("a-1", parked.Discarded), l.park("a-1", parked.Published)
	l.publish(resent, 5000)
	for _, position := range []contrail.Position{waits, held, old, discarded, resent} {
		l.age(position, "3 hours")
	}
	seen := l.get(old).Event
	all := parked.At("EVENTS", waits, held, young, old, discarded, resent, 99)
	outcomes, err := parked.Purge(t.Context(), l.pool, all, parked.Retention{OlderThan: 2 * time.Hour, Batch: 4})
	require.NoError(t, err)
	require.Equal(t, []string{
		"is parked: only what is published or discarded is purged",
		"is held: only what is published or discarded is purged",
		"was published less than 2h0m0s ago",
		"is purged",
		"stays discarded; its error and its note are purged",
		"stays published; its error and its note are purged",
		"is no parked event of EVENTS",
	}, texts(outcomes))
	outcomes, err = parked.Purge(t.Context(), l.pool, parked.At("EVENTS", old, discarded, resent), parked.Retention{})
	require.NoError(t, err)
	require.Equal(t, []string{
		"is no parked event of EVENTS", "stays discarded; there is nothing to purge", "stays published; there is nothing to purge",
	}, texts(outcomes))
	require.True(t, outcomes[1].Done)

	stale := l.get(young).Event
	l.publish(young, 7)
	outcomes, err = parked.Purge(t.Context(), l.pool, parked.Seen(stale, seen), parked.Retention{OlderThan: time.Nanosecond})
	require.NoError(t, err)
	require.Equal(t, []string{"has changed meanwhile: it is published now, by relay-1:42", "is no parked event of EVENTS"}, texts(outcomes))
}

// countingDB counts transactions, and can break one.
type countingDB struct {
	parked.Beginner

	begun, breakAt int
}

var errBroken = errors.New("the connection broke")

func (c *countingDB) Begin(ctx context.Context) (pgx.Tx, error) {
	if c.begun++; c.begun == c.breakAt {
		return nil, errBroken
	}
	return c.Beginner.Begin(ctx)
}

func TestPurgeInBatches(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	for n := range 25 {
		position := l.park(fmt.Sprintf("a-%d", n), []parked.State{parked.Published, parked.Discarded}[n%2])
		l.age(position, "40 days")
	}
	db := &countingDB{Beginner: l.pool, breakAt: 3}
	outcomes, err := parked.Purge(t.Context(), db, parked.Matching(parked.Filter{}), parked.Retention{Batch: 5})
	require.ErrorIs(t, err, errBroken)
	require.ErrorContains(t, err, "purge parked events: ")
	require.Len(t, outcomes, 10, "what is done is told")

	db = &countingDB{Beginner: l.pool}
	outcomes, err = parked.Purge(t.Context(), db, parked.Matching(parked.Filter{Limit: 7}), parked.Retention{Batch: 5})
	require.NoError(t, err)
	require.Len(t, outcomes, 7)
	require.Equal(t, 2, db.begun)

	db = &countingDB{Beginner: l.pool}
	outcomes, err = parked.Purge(t.Context(), db, parked.Matching(parked.Filter{Category: "a"}), parked.Retention{Batch: 5})
	require.NoError(t, err)
	require.Len(t, outcomes, 8)
	require.Equal(t, 2, db.begun)
	counts, err := parked.Count(t.Context(), l.pool, "EVENTS")
	require.NoError(t, err)
	require.Equal(t, int64(12), counts[parked.Discarded])
	require.Zero(t, counts[parked.Published])
	require.Equal(t, 6, l.requests(), "one for each batch")
}

func TestPurgeRefusesNonsense(t *testing.T) {
	t.Parallel()
	_, err := parked.Purge(t.Context(), nil, parked.Matching(parked.Filter{States: []parked.State{parked.Parked}, Limit: -1}),
		parked.Retention{OlderThan: -time.Hour, Batch: -1})
	require.EqualError(t, err, "purge parked events: parked.Filter: Limit is -1, must not be negative\n"+
		"parked.Filter: States has parked; to purge takes one of [published discarded]\n"+
		"parked.Retention: OlderThan is -1h0m0s, must not be negative\nparked.Retention: Batch is -1, must not be negative")
}
