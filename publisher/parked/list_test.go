package parked_test

import (
	"context"
	"encoding/json"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/publisher/parked"
)

func TestListFilters(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	var all []contrail.Position
	for n, stream := range []string{"invoice-1", "invoice-1", "invoice-2", "invoice_draft-1", "order-1"} {
		all = append(all, l.park(stream, parked.States()[n]))
	}
	elsewhere := l.append("invoice-1")
	l.leaveOut("BILLING", elsewhere, parked.Parked, parked.ReasonInvalidSubject)
	at := func(n ...int) []contrail.Position {
		found := []contrail.Position{}
		for _, n := range n {
			found = append(found, append(slices.Clone(all), elsewhere)[n])
		}
		return found
	}
	for name, c := range map[string]struct {
		filter parked.Filter
		want   []contrail.Position
	}{
		"what waits, in the order of relays": {parked.Filter{}, at(5, 0, 1, 2)},
		"a relay":                            {parked.Filter{Relay: "EVENTS"}, at(0, 1, 2)},
		"no relay":                           {parked.Filter{Relay: "OTHER"}, at()},
		"states":                             {parked.Filter{States: []parked.State{parked.Published, parked.Discarded}}, at(3, 4)},
		"all states":                         {parked.Filter{States: parked.States()}, at(5, 0, 1, 2, 3, 4)},
		"reasons":                            {parked.Filter{Reasons: []parked.Reason{parked.ReasonHeld, parked.ReasonInvalidSubject}}, at(5, 1)},
		"a stream":                           {parked.Filter{Stream: contrail.NewStreamID("invoice", "1")}, at(5, 0, 1)},
		"a category":                         {parked.Filter{Category: "invoice", States: parked.States()}, at(5, 0, 1, 2)},
		"above":                              {parked.Filter{After: all[0], Relay: "EVENTS"}, at(1, 2)},
		"up to":                              {parked.Filter{Until: all[1]}, at(0, 1)},
		"backwards":                          {parked.Filter{Backwards: true}, at(2, 1, 0, 5)},
		"some":                               {parked.Filter{Limit: 2}, at(5, 0)},
		"the last":                           {parked.Filter{Limit: 1, Backwards: true, Relay: "EVENTS"}, at(2)},
	} {
		require.Equal(t, c.want, positions(t, parked.List(t.Context(), l.pool, c.filter)), name)
	}
}

// Pages don't overlap and leave nothing out, while the table changes between them; larger lists are read in pages of their own.
func TestListPagesWithoutOverlap(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	l.exec(`INSERT INTO contrail.events (stream, version, type, data) SELECT 'a-' || n, 1, 'A', '{}' FROM generate_series(1, 1201) n`)
	l.exec(`INSERT INTO contrail.parked (relay, position, stream, state, reason)
		SELECT relay, position, stream, 'parked', 'refused' FROM contrail.events, (VALUES ('EVENTS'), ('BILLING')) AS r (relay)`)
	whole := positions(t, parked.List(t.Context(), l.pool, parked.Filter{Relay: "EVENTS"}))
	require.Len(t, whole, 1201)
	require.True(t, slices.IsSorted(whole))
	require.Len(t, positions(t, parked.List(t.Context(), l.pool, parked.Filter{})), 2402)
	require.Len(t, positions(t, parked.List(t.Context(), l.pool, parked.Filter{Limit: 1001})), 1001)
	backwards := positions(t, parked.List(t.Context(), l.pool, parked.Filter{Relay: "EVENTS", Backwards: true}))
	slices.Reverse(backwards)
	require.Equal(t, whole, backwards)

	var paged []contrail.Position
	for filter := (parked.Filter{Relay: "EVENTS", Limit: 100}); ; filter.After = paged[len(paged)-1] {
		page := positions(t, parked.List(t.Context(), l.pool, filter))
		if len(page) == 0 {
			break
		}
		paged = append(paged, page...)
		l.exec(`UPDATE contrail.parked SET state = 'discarded' WHERE relay = 'EVENTS' AND position <= $1`, int64(paged[len(paged)-1]))
	}
	require.Equal(t, whole, paged)

	for _, err := range parked.List(t.Context(), l.pool, parked.Filter{Relay: "BILLING"}) {
		require.NoError(t, err)
		require.Zero(t, l.pool.Stat().AcquiredConns())
		break
	}
}

func TestListRefusesNonsense(t *testing.T) {
	t.Parallel()
	for _, err := range parked.List(t.Context(), nil, parked.Filter{
		Relay: "\xff", States: []parked.State{"gone"}, Reasons: []parked.Reason{"bored"}, Stream: contrail.NewStreamID("a b", "1"),
		Category: "in.voice", After: -1, Until: -2, Limit: -3,
	}) {
		for _, fault := range []string{
			"list parked events: ", "Relay is \"\\xff\"", "States has \"gone\"", "Reasons has \"bored\"", "category", "Category is \"in.voice\"",
			"After is -1", "Until is -2", "Limit is -3",
		} {
			require.ErrorContains(t, err, fault)
		}
	}
	l := newLedger(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	n := 0
	for _, err := range parked.List(ctx, l.pool, parked.Filter{}) {
		require.ErrorIs(t, err, context.Canceled)
		n++
	}
	require.Equal(t, 1, n)
}

func TestGet(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	position := l.park("invoice-1", parked.Parked)
	found := l.get(position)
	require.Equal(t, "invoice-1", found.Stream.String())
	require.Equal(t, int64(1), found.Version)
	require.Equal(t, "InvoiceIssued", found.Type)
	require.JSONEq(t, `{"total": "19.80"}`, string(found.Data))
	require.Equal(t, contrail.Metadata{"tenant_id": "t-1"}, found.Metadata)
	require.Equal(t, value[string](l, `SELECT id::text FROM contrail.events`), found.ID.String())
	require.Equal(t, "relay-1:42", found.ChangedBy)
	require.False(t, found.RecordedAt.IsZero())
	text, err := json.Marshal(found)
	require.NoError(t, err)
	for _, key := range []string{"relay", "position", "stream", "state", "reason", "error", "attempts", "changed_by", "parked_at", "recorded_at", "data", "metadata"} {
		require.Contains(t, string(text), `"`+key+`":`)
	}

	_, err = parked.Get(t.Context(), l.pool, "EVENTS", 99)
	require.ErrorIs(t, err, parked.ErrNotFound)
	require.EqualError(t, err, "position 99 of EVENTS: no such parked event")
	_, err = parked.Get(t.Context(), l.pool, "BILLING", position)
	require.ErrorIs(t, err, parked.ErrNotFound)
}

// A row whose event is gone is shown nevertheless: a person has to see it.
func TestRowsWithoutAnEvent(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	l.exec(`INSERT INTO contrail.parked (relay, position, stream, state, reason) VALUES ('EVENTS', 7, 'invoice-1', 'parked', 'refused')`)
	require.Equal(t, []contrail.Position{7}, positions(t, parked.List(t.Context(), l.pool, parked.Filter{})))
	found := l.get(7)
	require.Zero(t, found.ID)
	require.Zero(t, found.Version)
	require.Nil(t, found.Data)
}

func TestCount(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	counts, err := parked.Count(t.Context(), l.pool, "EVENTS")
	require.NoError(t, err)
	require.Equal(t, map[parked.State]int64{parked.Parked: 0, parked.Held: 0, parked.Requeued: 0, parked.Published: 0, parked.Discarded: 0}, counts)
	first := l.park("a-1", parked.Parked)
	l.park("a-1", parked.Held)
	l.park("a-1", parked.Held)
	l.leaveOut("BILLING", first, parked.Parked, parked.ReasonRefused)
	counts, err = parked.Count(t.Context(), l.pool, "EVENTS")
	require.NoError(t, err)
	require.Equal(t, map[parked.State]int64{parked.Parked: 1, parked.Held: 2, parked.Requeued: 0, parked.Published: 0, parked.Discarded: 0}, counts)
	counts, err = parked.Count(t.Context(), l.pool, "")
	require.NoError(t, err)
	require.Equal(t, int64(2), counts[parked.Parked])
}
