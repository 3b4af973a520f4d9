package deliveries_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/subscribers/deliveries"
)

// A delivery that has seen everything: put off, tried, recovered, held, redriven, tried again, and ended.
func TestExplainTellsAll(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	event := uuid.New()
	id := b.plan(planned{event: event, tenant: "t-1", why: deliveries.ReasonQuietHours, due: time.Hour})
	b.comeDue(id)
	b.try(id, temporary())
	b.comeDue(id)
	b.begin(id)
	b.die(id)
	b.recover(id, "hold")
	b.complete(id, 2, temporary()) // by the process that was taken for dead
	require.True(t, b.redrive(id, ada("they have not got it")).Changed)
	b.try(id, succeeded())
	timeline := b.explain(id)
	require.Equal(t, []string{
		"planned",
		"deferred, quiet_hours",
		"1 started",
		"1 completed, failed, temporary",
		"2 started",
		"2 completed, ambiguous",
		"recovered, its lease is over",
		"held, ambiguous",
		"2 late, failed, temporary",
		"redriven, ada@ops, they have not got it",
		"3 started",
		"3 completed, succeeded",
	}, happened(timeline))
	require.False(t, timeline.Entries[2].DuplicateRisk)
	require.True(t, timeline.Entries[10].DuplicateRisk)
	require.InDelta(t, 1.5, timeline.Entries[11].Seconds, 0.001)
	require.InDelta(t, 1.5, timeline.Entries[8].Seconds, 0.001)
	require.Equal(t, []string{"250 queued", "m-1"}, []string{timeline.Entries[11].Response, timeline.Entries[11].Receipt})
	require.WithinDuration(t, time.Now().Add(time.Hour), timeline.Entries[1].Until, time.Minute)
	require.Equal(t, deliveries.EventKey{
		ID: event, Stream: timeline.Event.Stream, Type: "InvoiceIssued", Position: 17, Sequence: 18, Kept: true,
	}, timeline.Event)
	require.Equal(t, "invoice-42", timeline.Event.Stream.String())
	require.Equal(t, []any{3, true, deliveries.StandingEnded, "t-1"}, []any{timeline.Attempts, timeline.DuplicateRisk, timeline.Standing, timeline.Tenant})
	for n, entry := range timeline.Entries[1:] {
		require.False(t, entry.At.Before(timeline.Entries[n].At), "%d", n)
		require.Equal(t, time.UTC, entry.At.Location())
	}
}

// What ends a delivery stands in its timeline also where the ledger's log has no row of its own for it.
func TestExplainEndsWithWhatEndedIt(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	for name, last := range map[string]string{
		"cancelled, permanent":       "cancelled, permanent_failure",
		"suppressed at planning":     "suppressed, delivery_cap_reached",
		"failed, held, ambiguous":    "held, ambiguous",
		"cancelled by a person":      "cancelled, ada@ops, paid by phone",
		"cancelled with its lane":    "cancelled, lane_cancelled",
		"failed, held, late success": "1 late, succeeded",
	} {
		id := ways()[name](b)
		all := happened(b.explain(id))
		require.Equal(t, last, all[len(all)-1], name)
	}
}

// Each of the rounds names the others.
func TestExplainNamesAllRounds(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	event := uuid.New()
	first := b.plan(planned{event: event})
	for _, other := range []planned{{consumer: "reminders"}, {channel: "sms"}, {recipient: "contact-7"}, {}} { // each with rounds of its own
		if other != (planned{}) {
			other.event = event
		}
		id := b.plan(other)
		b.try(id, permanent())
		b.redrive(id, ada("mended"))
	}
	require.Empty(t, b.explain(first).Rounds)
	b.try(first, permanent())
	require.NotContains(t, b.explain(first).Why, "sent again")
	second := b.redrive(first, ada("mended")).Becomes
	b.try(second, permanent())
	third := b.redrive(second, ada("mended once more")).Becomes
	want := []deliveries.Round{{first, 1, deliveries.Cancelled}, {second, 2, deliveries.Cancelled}, {third, 3, deliveries.Pending}}
	for _, id := range []uuid.UUID{first, second, third} {
		require.Equal(t, want, b.explain(id).Rounds)
	}
	require.Contains(t, b.explain(first).Why, third.String())
	require.NotContains(t, b.explain(third).Why, "sent again")
	require.Equal(t, []string{"planned", "redriven, ada@ops, mended once more"}, happened(b.explain(third)))
}

// The times are those of UTC, whatever the session's time zone is, and JSON has what there is.
func TestExplainInAnotherTimeZone(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	id := b.plan(planned{})
	b.try(id, ambiguous())
	b.complete(id, 1, succeeded())
	conn, err := b.pool.Acquire(t.Context())
	require.NoError(t, err)
	defer conn.Release()
	_, err = conn.Exec(t.Context(), `SET TIME ZONE 'Asia/Kathmandu'`)
	require.NoError(t, err)
	there, err := deliveries.Explain(t.Context(), conn, id, deliveries.Scope{})
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), `RESET TIME ZONE`)
	require.NoError(t, err)
	require.Equal(t, b.explain(id), there)
	text, err := json.Marshal(there)
	require.NoError(t, err)
	var fields map[string]any
	require.NoError(t, json.Unmarshal(text, &fields))
	require.Equal(t, []any{"held", "failed", nil, nil}, []any{fields["standing"], fields["state"], fields["due_at"], fields["claimed_until"]})
}

// An event whose body the ledger does not keep is told of as such.
func TestExplainOfAnEncryptedEvent(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	id := b.plan(planned{})
	b.exec(`UPDATE contrail.delivery_events SET body = NULL`)
	require.False(t, b.explain(id).Event.Kept)
}
