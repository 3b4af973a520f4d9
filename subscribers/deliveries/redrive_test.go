package deliveries_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/subscribers/deliveries"
)

// Of each way in which a delivery can stand, what redriving and cancelling it make of it.
func TestDecisions(t *testing.T) {
	t.Parallel()
	redrive := func(b book, id uuid.UUID) deliveries.Decided { return b.redrive(id, ada("mended")) }
	cancel := func(b book, id uuid.UUID) deliveries.Decided { return b.cancel(id) }
	b := newBook(t)
	for name, c := range map[string]struct {
		decide  func(b book, id uuid.UUID) deliveries.Decided
		way     string
		text    string
		stands  deliveries.Standing
		changed bool
		done    bool
	}{
		"redrive due":        {redrive, "pending, due", "is due already", deliveries.StandingDue, false, true},
		"redrive claimed":    {redrive, "pending, claimed", "is due already", deliveries.StandingClaimed, false, true},
		"redrive deferred":   {redrive, "pending, waiting, quiet hours", "is due now", deliveries.StandingDue, true, true},
		"redrive failed":     {redrive, "failed, waiting, temporary", "is due now", deliveries.StandingDue, true, true},
		"redrive held":       {redrive, "failed, held, ambiguous", "is due now, and may reach the recipient twice", deliveries.StandingDue, true, true},
		"redrive running":    {redrive, "dispatched, running", "is being sent: attempt 1 may take until TIME", deliveries.StandingRunning, false, false},
		"redrive stuck":      {redrive, "dispatched, stuck", "is to be recovered first: nobody knows whether attempt 1 took effect", deliveries.StandingStuck, false, false},
		"redrive succeeded":  {redrive, "succeeded", "has succeeded, and would reach the recipient twice; force it if it shall", deliveries.StandingEnded, false, false},
		"redrive suppressed": {redrive, "suppressed at planning", "is sent again as delivery ID", deliveries.StandingEnded, true, true},
		"redrive cancelled":  {redrive, "cancelled, permanent", "is sent again as delivery ID", deliveries.StandingEnded, true, true},
		"redrive exhausted":  {redrive, "cancelled, exhausted, ambiguous", "is sent again as delivery ID, and may reach the recipient twice", deliveries.StandingEnded, true, true},
		"redrive again":      {redrive, "cancelled, and sent again", "was sent again already, as delivery ID, which is pending", deliveries.StandingEnded, false, true},
		"cancel due":         {cancel, "pending, due", "is cancelled", deliveries.StandingEnded, true, true},
		"cancel claimed":     {cancel, "pending, claimed", "is cancelled", deliveries.StandingEnded, true, true},
		"cancel deferred":    {cancel, "pending, waiting, quiet hours", "is cancelled", deliveries.StandingEnded, true, true},
		"cancel failed":      {cancel, "failed, waiting, temporary", "is cancelled", deliveries.StandingEnded, true, true},
		"cancel held":        {cancel, "failed, held, ambiguous", "is cancelled", deliveries.StandingEnded, true, true},
		"cancel running":     {cancel, "dispatched, running", "is cancelled unless attempt 1 succeeds, which may take until TIME", deliveries.StandingRunning, true, true},
		"cancel stuck":       {cancel, "dispatched, stuck", "is cancelled as soon as attempt 1 is recovered, of which nobody knows whether it took effect", deliveries.StandingStuck, true, true},
		"cancel twice":       {cancel, "dispatched, running, cancelling", "is being cancelled already: by_person", deliveries.StandingRunning, false, true},
		"cancel succeeded":   {cancel, "succeeded", "is succeeded already", deliveries.StandingEnded, false, false},
		"cancel suppressed":  {cancel, "suppressed at planning", "is suppressed already", deliveries.StandingEnded, false, true},
		"cancel cancelled":   {cancel, "cancelled by a person", "is cancelled already", deliveries.StandingEnded, false, true},
	} {
		id := ways()[c.way](b)
		before := b.explain(id)
		told := c.decide(b, id)
		after := b.explain(id)
		require.Equal(t, c.text, settled(told.Text), name)
		require.Equal(t, []any{id, before.State, after.State, c.changed, c.done}, []any{told.ID, told.Before, told.After, told.Changed, told.Done}, name)
		require.Equal(t, c.stands, after.Standing, name)
		require.Equal(t, c.changed, len(after.Entries) > len(before.Entries), name)
		if !c.changed {
			require.Equal(t, before, after, name)
		}
	}
}

// What is redriven may be tried as often as one that is new, and goes on with the number of its attempts.
func TestRedriveForgivesAttempts(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	id := b.plan(planned{})
	for range 5 {
		b.try(id, temporary())
		b.comeDue(id)
	}
	b.exec(`UPDATE contrail.deliveries SET due_at = NULL WHERE id = $1`, id)
	b.redrive(id, ada("the provider is back"))
	require.Equal(t, 6, b.begin(id))
}

// The new delivery is of the same event for the same recipient, and stands in the same lane.
func TestRedriveOfWhatHasEnded(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	first := b.plan(planned{tenant: "t-1", lane: "endpoint-1", channel: "webhook", recipient: "endpoint-1"})
	b.try(first, permanent())
	told := b.redrive(first, ada("mended"))
	require.False(t, told.DuplicateRisk)
	old, fresh := b.explain(first), b.explain(told.Becomes)
	require.Equal(t, []any{old.Event, old.Consumer, old.Channel, old.Recipient, old.Tenant, old.Lane, 2},
		[]any{fresh.Event, fresh.Consumer, fresh.Channel, fresh.Recipient, fresh.Tenant, fresh.Lane, fresh.Round})
	require.Equal(t, []any{deliveries.Pending, 0, deliveries.StandingDue}, []any{fresh.State, fresh.Attempts, fresh.Standing})
	require.Equal(t, []string{"planned", "redriven, ada@ops, mended"}, happened(fresh))
	require.Equal(t, "redriven, ada@ops, mended", happened(old)[len(old.Entries)-1])
	b.try(told.Becomes, permanent())
	again := b.redrive(first, ada("mended"))
	require.Equal(t, []any{told.Becomes, false, false}, []any{again.Becomes, again.Changed, again.Done})
	require.Regexp(t, `^was sent again already, as delivery .*, which is cancelled; redrive that one$`, again.Text)
}

// What has succeeded is sent once more only by force, and marked as a possible duplicate.
func TestRedriveByForce(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	id := b.plan(planned{})
	b.try(id, succeeded())
	order := ada("lost in the post")
	order.Force = true
	told := b.redrive(id, order)
	require.True(t, told.DuplicateRisk)
	require.True(t, b.explain(told.Becomes).DuplicateRisk)
	require.Equal(t, told.Becomes, b.redrive(id, order).Becomes)
}

// What somebody has looked at is decided about only as it was then.
func TestDecideAboutWhatWasSeen(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	for n, decide := range decisions() {
		id := b.plan(planned{})
		b.try(id, ambiguous())
		order := ada("mended")
		order.Seen = b.explain(id).ChangedAt
		b.redrive(id, ada("they have not got it"))
		before := b.explain(id)
		told, err := decide(t.Context(), b.pool, id, order)
		require.NoError(t, err)
		require.Equal(t, []any{"has changed meanwhile: it is failed now", false, false}, []any{told.Text, told.Changed, told.Done})
		require.Equal(t, before, b.explain(id))
		order.Seen = before.ChangedAt
		told, err = decide(t.Context(), b.pool, id, order)
		require.NoError(t, err)
		require.Equal(t, []string{"is due already", "is cancelled"}[n], told.Text)
	}
}

// A delivery that was cancelled while its attempt was under way has succeeded if that has.
func TestCancelWhileUnderWay(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	for _, c := range []struct {
		outcome outcome
		state   deliveries.State
		reason  deliveries.Reason
	}{
		{succeeded(), deliveries.Succeeded, ""},
		{temporary(), deliveries.Cancelled, deliveries.ReasonByPerson},
		{permanent(), deliveries.Cancelled, deliveries.ReasonPermanent},
		{ambiguous(), deliveries.Cancelled, deliveries.ReasonByPerson},
	} {
		id := b.plan(planned{})
		attempt := b.begin(id)
		require.Equal(t, deliveries.ReasonByPerson, func() deliveries.Reason { b.cancel(id); return b.explain(id).Cancelling }())
		b.complete(id, attempt, c.outcome)
		after := b.explain(id)
		require.Equal(t, []any{c.state, c.reason, deliveries.Reason("")}, []any{after.State, after.Reason, after.Cancelling})
	}
	dead := b.plan(planned{})
	b.begin(dead)
	b.die(dead)
	b.cancel(dead)
	b.recover(dead, "resend")
	require.Equal(t, []any{deliveries.Cancelled, true}, []any{b.explain(dead).State, b.explain(dead).DuplicateRisk})
}

// Whoever decides says who he is, and why; nothing is done before that is so.
func TestOrderNamesEveryFault(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	id := b.plan(planned{due: time.Hour})
	for _, decide := range decisions() {
		_, err := decide(t.Context(), b.pool, id, deliveries.Order{By: " \n"})
		require.ErrorContains(t, err, "deliveries.Order: By is empty, must say who decides")
		require.ErrorContains(t, err, "deliveries.Order: Because is empty, must say why")
		_, err = decide(t.Context(), b.pool, id, deliveries.Order{By: strings.Repeat("x", 1025), Because: "\xff"})
		require.ErrorContains(t, err, "deliveries.Order: By has 1025 bytes, must have 1024 at most")
		require.ErrorContains(t, err, `deliveries.Order: Because is "\xff", must be UTF-8`)
	}
	require.Equal(t, deliveries.StandingWaiting, b.explain(id).Standing)
}
