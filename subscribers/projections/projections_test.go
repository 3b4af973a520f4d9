package projections_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/subscribers/projections"
)

// What the rows say is what one reads.
func TestListTellsEverything(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	register(t, pool, "b")
	register(t, pool, "a")
	_, err := pool.Exec(t.Context(), `UPDATE contrail.projections SET updated_at = '2026-01-02Z' WHERE name = 'a';
		INSERT INTO contrail.rebuilds (projection, state, requested_by, because, requested_at, started_at, updated_at, finished_at, position, target, events, error)
		VALUES ('a', 'failed', 'ada', 'why', '2026-01-03Z', '2026-01-04Z', '2026-01-05Z', '2026-01-06Z', 1, 2, 3, 'e')`)
	require.NoError(t, err)
	_, err = projections.Pause(t.Context(), pool, "a", projections.Order{By: "bob", Because: "it is late"})
	require.NoError(t, err)
	all, err := projections.List(t.Context(), pool)
	require.NoError(t, err)
	require.Len(t, all, 2)
	require.Nil(t, all[1].Rebuild)
	require.Nil(t, all[1].PausedAt)
	require.Nil(t, all[1].Active)
	got := all[0]
	day := func(at time.Time) string { return at.UTC().Format(time.DateOnly) }
	require.WithinDuration(t, time.Now(), *got.PausedAt, time.Minute)
	require.Equal(t, []string{"2026-01-02", "2026-01-03", "2026-01-04", "2026-01-05", "2026-01-06"}, []string{
		day(got.UpdatedAt), day(got.Rebuild.RequestedAt), day(*got.Rebuild.StartedAt), day(got.Rebuild.UpdatedAt), day(*got.Rebuild.FinishedAt),
	})
	rebuild := got.Rebuild
	got.PausedAt, got.UpdatedAt, got.Rebuild = nil, time.Time{}, nil
	require.Equal(t, projections.Projection{
		Name: "a", Stream: "EVENTS", Subjects: []string{"events.>"}, Position: 7, Sequence: 5, PausedBy: "bob", PausedBecause: "it is late",
	}, got)
	rebuild.RequestedAt, rebuild.StartedAt, rebuild.UpdatedAt, rebuild.FinishedAt = time.Time{}, nil, time.Time{}, nil
	require.Equal(t, &projections.RebuildStatus{
		Projection: "a", ID: rebuild.ID, State: projections.Failed, RequestedBy: "ada", Because: "why", Position: 1, Target: 2, Events: 3, Error: "e",
	}, rebuild)
	require.True(t, rebuild.Over())
}

// The process that holds the lock of the very name is the active one.
func TestGetTellsWhoIsActive(t *testing.T) {
	t.Parallel()
	pool := start(t, newStream(t, 0), "active")
	register(t, pool, "another")
	now, err := projections.Get(t.Context(), pool, "active")
	require.NoError(t, err)
	require.Positive(t, now.Active.PID)
	require.NotNil(t, now.Active.Since)
	require.Equal(t, "EVENTS", now.Stream)
	require.Equal(t, []string{"events.>"}, now.Subjects)
	now, err = projections.Get(t.Context(), pool, "another")
	require.NoError(t, err)
	require.Nil(t, now.Active)
	_, err = projections.Get(t.Context(), pool, "none")
	require.ErrorIs(t, err, projections.ErrNotFound)
}

// Paused by the first who says so; whoever is in the midst of a batch is waited for.
func TestPauseWaitsForTheBatchUnderWay(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	register(t, pool, "a")
	_, err := projections.Rebuild(t.Context(), pool, "a", projections.Order{})
	require.NoError(t, err)
	for table, column := range map[string]string{"projections": "name", "rebuilds": "projection"} {
		batch, err := pool.Begin(t.Context())
		require.NoError(t, err)
		_, err = batch.Exec(t.Context(), `UPDATE contrail.`+table+` SET updated_at = now() WHERE `+column+` = 'a'`)
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		_, err = projections.Pause(ctx, pool, "a", projections.Order{By: "ada"})
		cancel()
		require.ErrorIs(t, err, context.DeadlineExceeded, table)
		require.NoError(t, batch.Commit(t.Context()))
	}
	paused, err := projections.Pause(t.Context(), pool, "a", projections.Order{By: "ada", Because: "1"})
	require.NoError(t, err)
	again, err := projections.Pause(t.Context(), pool, "a", projections.Order{By: "bob", Because: "2"})
	require.NoError(t, err)
	require.Equal(t, paused, again)
	require.NoError(t, projections.Resume(t.Context(), pool, "a"))
	require.NoError(t, projections.Resume(t.Context(), pool, "a"))
	now, err := projections.Get(t.Context(), pool, "a")
	require.NoError(t, err)
	require.Nil(t, now.PausedAt)
	require.Empty(t, now.PausedBy+now.PausedBecause)
	_, err = projections.Pause(t.Context(), pool, "none", projections.Order{})
	require.ErrorIs(t, err, projections.ErrNotFound)
	require.ErrorIs(t, projections.Resume(t.Context(), pool, "none"), projections.ErrNotFound)
}

// Requests: one at a time, unless begun anew; and who waits for one is told what became of it.
func TestRebuildRequests(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	register(t, pool, "a")
	_, err := projections.Rebuild(t.Context(), pool, "none", projections.Order{})
	require.ErrorIs(t, err, projections.ErrNotFound)
	_, err = projections.Cancel(t.Context(), pool, "a", "bob")
	require.ErrorIs(t, err, projections.ErrNotRunning)
	_, err = projections.Cancel(t.Context(), pool, "none", "bob")
	require.ErrorIs(t, err, projections.ErrNotFound)

	first, err := projections.Rebuild(t.Context(), pool, "a", projections.Order{By: "ada", Because: "why"})
	require.NoError(t, err)
	require.Equal(t, projections.Requested, first.State)
	_, err = projections.Rebuild(t.Context(), pool, "a", projections.Order{By: "bob"})
	var running *projections.RunningError
	require.ErrorAs(t, err, &running)
	require.Equal(t, "ada", running.Rebuild.RequestedBy)

	ctx, cancel := context.WithTimeout(t.Context(), 150*time.Millisecond)
	defer cancel()
	looks := 0
	_, err = projections.Await(ctx, pool, first, func(now projections.Projection) {
		looks++
		require.Equal(t, "a", now.Name)
	})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.EqualError(t, err, `projection "a" is not rebuilt yet: no process runs it`)
	require.Positive(t, looks)

	second, err := projections.Restart(t.Context(), pool, "a", projections.Order{By: "bob"})
	require.NoError(t, err)
	require.NotEqual(t, first.ID, second.ID)
	_, err = projections.Await(t.Context(), pool, first, nil)
	var ended *projections.EndedError
	require.ErrorAs(t, err, &ended)
	require.EqualError(t, err, `projection "a" was not rebuilt: somebody else has asked for it anew`)

	cancelled, err := projections.Cancel(t.Context(), pool, "a", "eve")
	require.NoError(t, err)
	require.Equal(t, projections.Cancelled, cancelled.State)
	_, err = projections.Await(t.Context(), pool, second, nil)
	require.EqualError(t, err, `projection "a" was not rebuilt: cancelled by eve`)
	third, err := projections.Rebuild(t.Context(), pool, "a", projections.Order{By: "ada"})
	require.NoError(t, err)
	require.Empty(t, third.Error)
	_, err = pool.Exec(t.Context(), `UPDATE contrail.rebuilds SET state = 'done', finished_at = now(), events = 3`)
	require.NoError(t, err)
	done, err := projections.Await(t.Context(), pool, third, nil)
	require.NoError(t, err)
	require.EqualValues(t, 3, done.Events)
}

// What is yet to be read: messages of the projection's subjects, behind its checkpoint.
func TestLag(t *testing.T) {
	t.Parallel()
	js := newStream(t, 12)
	for want, p := range map[uint64]projections.Projection{
		12: {Stream: "EVENTS", Subjects: []string{"events.>"}},
		7:  {Stream: "EVENTS", Subjects: []string{"events.invoice.>"}, Sequence: 5},
		0:  {Stream: "EVENTS", Subjects: []string{"events.contact.>"}},
	} {
		lag, err := projections.Lag(t.Context(), js, p)
		require.NoError(t, err)
		require.Equal(t, want, lag)
	}
	lag, err := projections.Lag(t.Context(), js, projections.Projection{Stream: "EVENTS", Subjects: []string{"events.>"}, Sequence: 99})
	require.NoError(t, err)
	require.Zero(t, lag)
	_, err = projections.Lag(t.Context(), js, projections.Projection{Name: "a"})
	require.ErrorContains(t, err, "no process has told which stream that is")
	stream, err := js.Stream(t.Context(), "EVENTS")
	require.NoError(t, err)
	info, err := stream.Info(t.Context())
	require.NoError(t, err)
	require.Zero(t, info.State.Consumers, "nothing is left there")
}

// A role is enough for what it is made for, and for no more.
func TestRights(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	require.NoError(t, eventstore.GrantRoles(t.Context(), pool))
	register(t, pool, "a")
	as := func(role string, fn func(tx pgx.Tx) error) error {
		return pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
			if _, err := tx.Exec(t.Context(), `SET LOCAL ROLE `+role); err != nil {
				return err
			}
			return fn(tx)
		})
	}
	for _, role := range []string{"contrail_read", "contrail_operate", "contrail_consume"} {
		require.NoError(t, as(role, func(tx pgx.Tx) error { _, err := projections.List(t.Context(), tx); return err }), role)
	}
	for name, tell := range map[string]func(tx pgx.Tx) error{
		"pause": func(tx pgx.Tx) error {
			_, err := projections.Pause(t.Context(), tx, "a", projections.Order{})
			return err
		},
		"resume": func(tx pgx.Tx) error { return projections.Resume(t.Context(), tx, "a") },
		"restart": func(tx pgx.Tx) error {
			_, err := projections.Restart(t.Context(), tx, "a", projections.Order{})
			return err
		},
	} {
		require.NoError(t, as("contrail_operate", tell), name)
		require.ErrorContains(t, as("contrail_read", tell), "permission denied", name)
	}
	require.NoError(t, as("contrail_operate", func(tx pgx.Tx) error { _, err := projections.Cancel(t.Context(), tx, "a", ""); return err }))
}

// A process that runs does what is asked for, and is told to those who wait.
func TestRebuildOfARunningProjection(t *testing.T) {
	t.Parallel()
	pool := start(t, newStream(t, 0), "a", "public.nothing")
	asked, err := projections.Rebuild(t.Context(), pool, "a", projections.Order{By: "ada"})
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	done, err := projections.Await(ctx, pool, asked, nil)
	require.NoError(t, err)
	require.Equal(t, projections.Done, done.State)
	require.Equal(t, contrail.Position(0), done.Position)
}
