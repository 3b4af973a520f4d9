package deliveries_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"
	_ "time/tzdata" // the tests want these zones, whatever the host has

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/subscribers/deliveries"
)

// at has a rule asked at one checkpoint alone.
func at(checkpoint deliveries.Checkpoint, rule deliveries.Rule) deliveries.Rule {
	return func(ctx context.Context, c deliveries.RuleContext) (deliveries.Verdict, error) {
		if c.Checkpoint != checkpoint {
			return deliveries.Send(), nil
		}
		return rule(ctx, c)
	}
}

func says(verdict deliveries.Verdict) deliveries.Rule {
	return func(context.Context, deliveries.RuleContext) (deliveries.Verdict, error) { return verdict, nil }
}

func TestRulesAtPlanning(t *testing.T) {
	t.Parallel()
	soon := func() deliveries.Verdict { return deliveries.Defer(time.Now().Add(300*time.Millisecond), "later") }
	for name, c := range map[string]struct {
		verdict  func() deliveries.Verdict
		expected row
		log      []string
	}{
		"send":     {deliveries.Send, row{State: deliveries.Succeeded, Attempts: 1}, []string{}},
		"suppress": {func() deliveries.Verdict { return deliveries.Suppress("channel_disabled") }, row{State: deliveries.Suppressed, Reason: "channel_disabled"}, []string{"suppressed: channel_disabled"}},
		"defer":    {soon, row{State: deliveries.Succeeded, Attempts: 1}, []string{"deferred: later"}},
		"past":     {func() deliveries.Verdict { return deliveries.Defer(time.Now().Add(-time.Hour), "later") }, row{State: deliveries.Succeeded, Attempts: 1}, []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, func(config *deliveries.Config) {
				config.Rules = []deliveries.Rule{at(deliveries.Planning, says(c.verdict()))}
			})
			f.run(f.ledger)
			id := f.planned()
			require.Equal(t, c.expected, f.settled(id))
			require.Equal(t, c.log, f.log(id))
			require.EqualValues(t, c.expected.Attempts, f.calls.Load())
		})
	}
}

// What was read meanwhile, or is not wanted any more, is not sent: no attempt is made.
func TestRulesAtSending(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	var verdict atomic.Pointer[deliveries.Verdict]
	f := newFixture(t, func(config *deliveries.Config) {
		config.Rules = []deliveries.Rule{says(deliveries.Send()), at(deliveries.Sending, func(ctx context.Context, c deliveries.RuleContext) (deliveries.Verdict, error) {
			asked.Add(1)
			require.JSONEq(t, `{"to":"ada@example.org"}`, string(c.Delivery.Event.Data))
			require.NotEqual(t, uuid.Nil, c.Delivery.ID)
			var one int
			require.NoError(t, c.DB.QueryRow(ctx, `SELECT 1`).Scan(&one))
			return *verdict.Load(), nil
		})}
	})
	id := f.inLane()
	later := deliveries.Defer(time.Now().Add(time.Hour), "later")
	verdict.Store(&later)
	result, err := f.attemptNow(id)
	require.NoError(t, err)
	require.Equal(t, deliveries.Reason("later"), result.Reason)
	require.WithinDuration(t, time.Now().Add(time.Hour), result.Due, time.Minute)
	require.Equal(t, row{State: deliveries.Pending, Reason: "later", Due: true}, f.row(id))
	result, err = f.attemptNow(id)
	require.NoError(t, err)
	require.Zero(t, result, "it is not due")
	f.exec(`UPDATE contrail.deliveries SET due_at = now() WHERE id = $1`, id)
	read := deliveries.Suppress("already_read")
	verdict.Store(&read)
	result, err = f.attemptNow(id)
	require.NoError(t, err)
	require.Equal(t, deliveries.Result{State: deliveries.Suppressed, Reason: "already_read"}, result)
	require.Equal(t, row{State: deliveries.Suppressed, Reason: "already_read"}, f.row(id))
	require.Equal(t, []string{"deferred: later", "suppressed: already_read"}, f.log(id))
	require.Zero(t, f.calls.Load())
	require.Empty(t, f.attempts(id))
}

// A rule that fails, or panics, fails the plan; and puts off what is to be sent, with one line in the log for the same failure.
func TestRuleFails(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(ctx context.Context, c deliveries.RuleContext) error{
		"error": func(context.Context, deliveries.RuleContext) error { return errDown },
		"panic": func(context.Context, deliveries.RuleContext) error { panic(errDown) },
		"SQL": func(ctx context.Context, c deliveries.RuleContext) error {
			_, err := c.DB.Exec(ctx, `SELECT nonsense`)
			return errors.Join(errDown, err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var broken atomic.Bool
			f := newFixture(t, func(config *deliveries.Config) {
				config.Rules = []deliveries.Rule{func(ctx context.Context, c deliveries.RuleContext) (deliveries.Verdict, error) {
					if broken.Load() {
						return deliveries.Send(), fail(ctx, c)
					}
					return deliveries.Send(), nil
				}}
			})
			id := f.inLane()
			broken.Store(true)
			require.ErrorIs(t, pgx.BeginFunc(t.Context(), f.pool, func(tx pgx.Tx) error { return f.ledger.Plan(t.Context(), tx, f.event(), toAda()) }), errDown)
			for range 3 {
				result, err := f.attemptNow(id)
				require.NoError(t, err)
				require.Equal(t, deliveries.ReasonRuleFailed, result.Reason)
			}
			require.Equal(t, row{State: deliveries.Pending, Reason: deliveries.ReasonRuleFailed, Due: true}, f.row(id))
			require.Len(t, f.log(id), 1)
			require.Contains(t, f.log(id)[0], "deferred: rule 0 at sending: ")
			broken.Store(false)
			_, err := f.attemptNow(id)
			require.NoError(t, err)
			require.Equal(t, row{State: deliveries.Succeeded, Attempts: 1}, f.row(id))
		})
	}
}

func TestQuietHours(t *testing.T) {
	t.Parallel()
	berlin, lordHowe, newYork := zone(t, "Europe/Berlin"), zone(t, "Australia/Lord_Howe"), zone(t, "America/New_York")
	for _, c := range []struct {
		about    string
		location *time.Location
		from, to int
		now      string // on the wall, with the offset that tells the two apart when clocks are set back
		expected string // empty: it is sent
	}{
		{"by day", berlin, 22, 7, "2026-11-02T12:00:00+01:00", ""},
		{"at the end", berlin, 22, 7, "2026-11-02T07:00:00+01:00", ""},
		{"before midnight", berlin, 22, 7, "2026-11-02T22:00:00+01:00", "2026-11-03T07:00:00+01:00"},
		{"after midnight", berlin, 22, 7, "2026-11-03T03:15:59+01:00", "2026-11-03T07:00:00+01:00"},
		{"within a day", berlin, 12, 14, "2026-11-03T13:59:59.999999999+01:00", "2026-11-03T14:00:00+01:00"},
		{"never", berlin, 7, 7, "2026-11-03T07:00:00+01:00", ""},
		{"the short night", berlin, 22, 7, "2026-03-28T23:30:00+01:00", "2026-03-29T07:00:00+02:00"},
		{"the long night", berlin, 22, 7, "2026-10-24T23:30:00+02:00", "2026-10-25T07:00:00+01:00"},
		{"an end that the clock leaves out", berlin, 22, 2, "2026-03-29T01:30:00+01:00", "2026-03-29T03:00:00+02:00"},
		{"the same west of Greenwich", newYork, 22, 2, "2026-03-08T01:30:00-05:00", "2026-03-08T03:00:00-04:00"},
		{"the hour that comes twice, first", berlin, 22, 3, "2026-10-25T02:30:00+02:00", "2026-10-25T03:00:00+01:00"},
		{"the hour that comes twice, second", berlin, 22, 3, "2026-10-25T02:30:00+01:00", "2026-10-25T03:00:00+01:00"},
		{"quiet again since clocks are set back", berlin, 2, 3, "2026-10-25T02:59:00+02:00", "2026-10-25T03:00:00+01:00"},
		{"half an hour left out", lordHowe, 22, 2, "2026-10-04T01:15:00+10:30", "2026-10-04T02:30:00+11:00"},
		{"half an hour twice", lordHowe, 22, 2, "2026-04-05T01:45:00+11:00", "2026-04-05T02:00:00+10:30"},
	} {
		now, err := time.Parse(time.RFC3339Nano, c.now)
		require.NoError(t, err)
		verdict, err := deliveries.QuietHours(c.location, c.from, c.to)(t.Context(), deliveries.RuleContext{Now: now})
		require.NoError(t, err)
		expected := deliveries.Send()
		if c.expected != "" {
			until, err := time.Parse(time.RFC3339, c.expected)
			require.NoError(t, err)
			expected = deliveries.Defer(until.In(c.location), deliveries.ReasonQuietHours)
		}
		require.Equal(t, expected, verdict, c.about)
	}
	require.Panics(t, func() { deliveries.QuietHours(nil, 1, 2) })
	require.Panics(t, func() { deliveries.QuietHours(berlin, 24, 2) })
	require.Panics(t, func() { deliveries.Cap(0, time.Hour) })
}

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	location, err := time.LoadLocation(name)
	require.NoError(t, err)
	return location
}

// The cap is exact, however many processes send at a time, and each recipient and channel has its own.
func TestCap(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(config *deliveries.Config) {
		config.Rules = []deliveries.Rule{at(deliveries.Sending, deliveries.Only(deliveries.Cap(3, time.Hour), "mail"))}
	})
	const planned = 20
	events := make([]deliveries.Event, planned)
	for i := range events {
		events[i] = f.event()
		f.plan(events[i], toAda(), deliveries.Target{Channel: "mail", Recipient: "contact-43"}, deliveries.Target{Channel: "push", Recipient: "contact-42"})
	}
	for range 4 {
		f.run(f.another())
	}
	sent := func(channel, recipient string) (states map[string]int) {
		//nolint:rowserrcheck // ForEachRow checks it
		rows, err := f.pool.Query(t.Context(), `SELECT state || ' ' || reason, count(*) FROM contrail.deliveries WHERE channel = $1 AND recipient = $2 GROUP BY 1`, channel, recipient)
		require.NoError(t, err)
		states = map[string]int{}
		var state string
		var count int
		_, err = pgx.ForEachRow(rows, []any{&state, &count}, func() error { states[state] = count; return nil })
		require.NoError(t, err)
		return states
	}
	require.Eventually(t, func() bool {
		var open int
		require.NoError(t, f.pool.QueryRow(t.Context(), `SELECT count(*) FROM contrail.deliveries WHERE state NOT IN ('succeeded', 'suppressed')`).Scan(&open))
		return open == 0
	}, waitFor, 10*time.Millisecond)
	capped := map[string]int{"succeeded ": 3, "suppressed delivery_cap_reached": planned - 3}
	require.Equal(t, capped, sent("mail", "contact-42"))
	require.Equal(t, capped, sent("mail", "contact-43"))
	require.Equal(t, map[string]int{"succeeded ": planned}, sent("push", "contact-42"))
}

func TestCapAtPlanning(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(config *deliveries.Config) {
		config.Rules = []deliveries.Rule{at(deliveries.Planning, deliveries.Cap(2, time.Hour))}
	})
	for i := range 4 {
		expected := row{State: deliveries.Pending, Due: true}
		if i >= 2 {
			expected = row{State: deliveries.Suppressed, Reason: deliveries.ReasonCap}
		}
		require.Equal(t, expected, f.row(f.planned()))
	}
}
