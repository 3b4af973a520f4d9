package deliveries_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/subscribers/deliveries"
)

// Each field selects, and all of them together.
func TestListFilters(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	event := uuid.New()
	one := b.plan(planned{
		event: event, consumer: "reminders", channel: "sms", recipient: "contact-7", tenant: "t-7", stream: "reminder-7", kind: "ReminderSent",
	})
	held := b.plan(planned{event: event, recipient: "contact-8"})
	b.try(held, ambiguous())
	ended := b.plan(planned{})
	b.try(ended, permanent())
	stuck := b.plan(planned{})
	b.begin(stuck)
	b.die(stuck)
	b.exec(`UPDATE contrail.delivery_events SET stream = 'reminder-7', type = 'ReminderSent', tenant = 't-7' WHERE id = $1`, event)
	soon := time.Now().Add(time.Minute)
	for name, c := range map[string]struct {
		filter deliveries.Filter
		want   []uuid.UUID
	}{
		"all":            {deliveries.Filter{}, []uuid.UUID{stuck, ended, held, one}},
		"the other way":  {deliveries.Filter{OldestFirst: true}, []uuid.UUID{one, held, ended, stuck}},
		"consumer":       {deliveries.Filter{Consumer: "reminders"}, []uuid.UUID{one}},
		"tenant":         {deliveries.Filter{Tenant: "t-7"}, []uuid.UUID{one}},
		"channel":        {deliveries.Filter{Channel: "sms"}, []uuid.UUID{one}},
		"recipient":      {deliveries.Filter{Recipient: "contact-7"}, []uuid.UUID{one}},
		"event":          {deliveries.Filter{Event: event}, []uuid.UUID{held, one}},
		"stream":         {deliveries.Filter{Stream: contrail.NewStreamID("reminder", "7")}, []uuid.UUID{held, one}},
		"type":           {deliveries.Filter{Type: "ReminderSent"}, []uuid.UUID{held, one}},
		"states":         {deliveries.Filter{States: []deliveries.State{deliveries.Pending, deliveries.Failed}}, []uuid.UUID{held, one}},
		"standings":      {deliveries.Filter{Standings: []deliveries.Standing{deliveries.StandingHeld, deliveries.StandingStuck}}, []uuid.UUID{stuck, held}},
		"due":            {deliveries.Filter{Standings: []deliveries.Standing{deliveries.StandingDue}}, []uuid.UUID{one}},
		"reasons":        {deliveries.Filter{Reasons: []deliveries.Reason{deliveries.ReasonPermanent}}, []uuid.UUID{ended}},
		"since":          {deliveries.Filter{Since: soon}, []uuid.UUID{}},
		"until":          {deliveries.Filter{Until: soon}, []uuid.UUID{stuck, ended, held, one}},
		"after":          {deliveries.Filter{After: held}, []uuid.UUID{one}},
		"after, oldest":  {deliveries.Filter{After: held, OldestFirst: true}, []uuid.UUID{ended, stuck}},
		"limit":          {deliveries.Filter{Limit: 2}, []uuid.UUID{stuck, ended}},
		"event and type": {deliveries.Filter{Event: event, Consumer: "invoice-mail", Type: "ReminderSent"}, []uuid.UUID{held}},
		"nothing":        {deliveries.Filter{Consumer: "reminders", Channel: "mail"}, []uuid.UUID{}},
	} {
		require.Equal(t, c.want, listed(t, deliveries.List(t.Context(), b.pool, c.filter)), name)
	}
}

// A delivery that was sent again is left aside.
func TestListOfLastRounds(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	first := b.plan(planned{})
	b.try(first, permanent())
	second := b.redrive(first, ada("mended")).Becomes
	require.Equal(t, []uuid.UUID{second, first}, listed(t, deliveries.List(t.Context(), b.pool, deliveries.Filter{})))
	require.Equal(t, []uuid.UUID{second}, listed(t, deliveries.List(t.Context(), b.pool, deliveries.Filter{LastRound: true})))
}

// Over several pages each comes once, in order, and the loop may end when it likes.
func TestListGoesPageByPage(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	b.exec(`INSERT INTO contrail.delivery_events (consumer, id, position, sequence, stream, type) VALUES ('invoice-mail', '01940000-0000-7000-8000-000000000000', 1, 1, 'invoice-42', 'InvoiceIssued')`)
	b.exec(`INSERT INTO contrail.deliveries (id, consumer, event, channel, recipient)
		SELECT ('01940000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, 'invoice-mail', '01940000-0000-7000-8000-000000000000', 'mail', 'contact-' || n
		FROM generate_series(1, 1203) n`)
	all := listed(t, deliveries.List(t.Context(), b.pool, deliveries.Filter{}))
	require.Len(t, all, 1203)
	require.True(t, slices.IsSortedFunc(all, func(x, y uuid.UUID) int { return -slices.Compare(x[:], y[:]) }))
	require.Equal(t, all[:700], listed(t, deliveries.List(t.Context(), b.pool, deliveries.Filter{Limit: 700})))
	require.Len(t, listed(t, deliveries.List(t.Context(), b.pool, deliveries.Filter{Limit: 500})), 500)
	n := 0
	for _, err := range deliveries.List(t.Context(), b.pool, deliveries.Filter{}) {
		require.NoError(t, err)
		if n++; n == 501 {
			break
		}
	}
	require.Equal(t, 501, n)
}

// Every fault is named at once.
func TestFilterNamesEveryFault(t *testing.T) {
	t.Parallel()
	now := time.Now()
	filter := deliveries.Filter{
		Tenant: "\x00", Consumer: "\xff", Channel: "\x00", Recipient: "\x00", Type: "\x00", States: []deliveries.State{"gone"},
		Standings: []deliveries.Standing{"upright"}, Reasons: []deliveries.Reason{"\x00"}, Stream: contrail.NewStreamID("in voice", "1"), Since: now, Until: now,
		Limit: -1,
	}
	err := filter.Validate()
	for _, field := range []string{
		"Tenant", "Consumer", "Channel", "Recipient", "Type", "States", "Standings", "Reasons", "Stream", "Since", "Limit",
	} {
		require.ErrorContains(t, err, "deliveries.Filter: "+field)
	}
	for _, err := range deliveries.List(t.Context(), nil, filter) {
		require.ErrorContains(t, err, "list deliveries: ")
	}
	_, err = deliveries.Stats(t.Context(), nil, filter)
	require.ErrorContains(t, err, "count deliveries: ")
}

func TestStats(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	due := b.plan(planned{})
	b.plan(planned{})
	b.exec(`UPDATE contrail.deliveries SET due_at = '2026-11-02T08:00:00Z' WHERE id = $1`, due)
	held := b.plan(planned{tenant: "t-1"})
	b.try(held, ambiguous())
	b.plan(planned{consumer: "reminders", channel: "sms", state: deliveries.Suppressed, why: deliveries.ReasonCap})
	stats, err := deliveries.Stats(t.Context(), b.pool, deliveries.Filter{})
	require.NoError(t, err)
	since := time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC)
	require.Equal(t, since, stats[1].Since)
	for n := range stats {
		stats[n].Since = time.Time{}
	}
	require.Equal(t, []deliveries.Stat{
		{Consumer: "invoice-mail", Channel: "mail", State: deliveries.Failed, Standing: deliveries.StandingHeld, Reason: "ambiguous", Deliveries: 1},
		{Consumer: "invoice-mail", Channel: "mail", State: deliveries.Pending, Standing: deliveries.StandingDue, Deliveries: 2},
		{
			Consumer: "reminders", Channel: "sms", State: deliveries.Suppressed, Standing: deliveries.StandingEnded, Reason: deliveries.ReasonCap,
			Deliveries: 1,
		},
	}, stats)
	stats, err = deliveries.Stats(t.Context(), b.pool, deliveries.Filter{Tenant: "t-1"})
	require.NoError(t, err)
	require.Len(t, stats, 1)
}
