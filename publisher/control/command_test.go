package control_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/publisher/control"
)

type giver func(ctx context.Context, db control.Querier, id uuid.UUID, by string) (control.Order, error)

// Each command stands in the one relay's row, with who gave it, and wakes whoever sleeps. Await sees it heeded.
func TestCommands(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		give                        giver
		state                       control.State
		heed, pendingAs, untakenYet string
	}{
		"pause":  {control.Pause, control.Leading, `state = 'paused'`, "relay r is not paused yet: it is leading", ", and has not taken the command"},
		"resume": {control.Resume, control.Paused, `state = 'standby'`, "relay r is not resumed yet: it is paused", ", and has not taken the command"},
		"stop":   {control.Stop, control.Leading, "", "relay r is not stopped yet: it is leading", ", and has not taken the command"},
		"dump": {
			control.Dump, control.Leading, `dumped_at = clock_timestamp(), dump = 'stacks'`, "relay r is not dumped yet: it is leading",
			", and has not taken the command",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := pgtest.New(t)
			id, other := register(t, pool, "EVENTS", "r", c.state), register(t, pool, "EVENTS", "other", c.state)
			set(t, pool, id, `dumped_at = clock_timestamp()`)
			woken := listening(t, pool)
			order, err := c.give(t.Context(), pool, id, "ada")
			require.NoError(t, err)
			<-woken
			require.Equal(t, name, order.Command)
			require.WithinDuration(t, time.Now(), order.GivenAt, time.Minute)
			relay, err := control.Get(t.Context(), pool, id)
			require.NoError(t, err)
			require.Equal(t, []string{name, "ada"}, []string{relay.Command, relay.CommandBy})
			relay, err = control.Get(t.Context(), pool, other)
			require.NoError(t, err)
			require.Empty(t, relay.Command)

			requirePending(t, control.Await(briefly(t), pool, order), c.pendingAs+c.untakenYet)
			set(t, pool, id, `command = NULL`)
			requirePending(t, control.Await(briefly(t), pool, order), c.pendingAs)
			if c.heed == "" {
				require.NoError(t, control.Remove(t.Context(), pool, id))
			} else {
				set(t, pool, id, c.heed)
			}
			require.NoError(t, control.Await(t.Context(), pool, order))
		})
	}
}

// A relay that is paused already has still to take the command: what was on its way before it may be another.
func TestAwaitSeesTheCommandTaken(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	id := register(t, pool, "EVENTS", "r", control.Paused)
	order, err := control.Pause(t.Context(), pool, id, "ada")
	require.NoError(t, err)
	requirePending(t, control.Await(briefly(t), pool, order), "relay r is not paused yet: it is paused, and has not taken the command")
	set(t, pool, id, `command = NULL`)
	require.NoError(t, control.Await(t.Context(), pool, order))
}

// An order is given with the transaction that it is given in.
func TestCommandInTransaction(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	id := register(t, pool, "EVENTS", "r", control.Leading)
	require.ErrorIs(t, pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
		_, err := control.Pause(t.Context(), tx, id, "ada")
		require.NoError(t, err)
		return context.Canceled
	}), context.Canceled)
	relay, err := control.Get(t.Context(), pool, id)
	require.NoError(t, err)
	require.Empty(t, relay.Command)
}

// A relay that is gone is told so; its row can be removed, once.
func TestGoneRelay(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	id := register(t, pool, "EVENTS", "r", control.Leading)
	set(t, pool, id, `beat_at = clock_timestamp() - interval '1 h'`)
	order, err := control.Pause(t.Context(), pool, id, "ada")
	require.NoError(t, err)
	err = control.Await(briefly(t), pool, order)
	require.ErrorContains(t, err, "it is leading, and has not been heard of for 1h0m")
	require.ErrorContains(t, err, "s; its process has died, hangs, or can't reach the database")
	require.NoError(t, control.Remove(t.Context(), pool, id))
	require.ErrorIs(t, control.Remove(t.Context(), pool, id), control.ErrNotFound)
	require.ErrorIs(t, control.Await(t.Context(), pool, order), control.ErrNotFound, "it will never be paused")
	for _, give := range []giver{control.Pause, control.Resume, control.Stop, control.Dump} {
		_, err = give(t.Context(), pool, id, "ada")
		require.ErrorIs(t, err, control.ErrNotFound)
	}
	_, _, err = control.Stacks(t.Context(), pool, id)
	require.ErrorIs(t, err, control.ErrNotFound)
}

// While somebody waits, sleeping relays are woken again and again: one that has just beaten does not look at once.
func TestAwaitWakes(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	id := register(t, pool, "EVENTS", "r", control.Leading)
	order, err := control.Stop(t.Context(), pool, id, "ada")
	require.NoError(t, err)
	woken := listening(t, pool)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- control.Await(ctx, pool, order) }()
	<-woken
	<-woken
	require.NoError(t, control.Remove(t.Context(), pool, id))
	require.NoError(t, <-ended)
}

// Dumps are read by themselves: they are long.
func TestStacks(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	id := register(t, pool, "EVENTS", "r", control.Leading)
	stacks, at, err := control.Stacks(t.Context(), pool, id)
	require.NoError(t, err)
	require.Empty(t, stacks)
	require.Equal(t, int64(0), at.Unix())
	set(t, pool, id, `dump = 'goroutine 1', dumped_at = clock_timestamp()`)
	stacks, at, err = control.Stacks(t.Context(), pool, id)
	require.NoError(t, err)
	require.Equal(t, "goroutine 1", stacks)
	require.WithinDuration(t, time.Now(), at, time.Minute)
}
