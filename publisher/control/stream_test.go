package control_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/publisher/control"
)

// A stream is paused for the first reason that was given, until it is resumed; its cursor stays.
func TestPauseStream(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	_, err := pool.Exec(t.Context(), `INSERT INTO contrail.relays (stream, position, sequence, requests) VALUES ('EVENTS', 7, 8, 9)`)
	require.NoError(t, err)
	woken := listening(t, pool)
	for _, stream := range []string{"EVENTS", "NEVER-RELAYED"} {
		first, err := control.PauseStream(t.Context(), pool, stream, "ada", "a move")
		require.NoError(t, err)
		<-woken
		require.NotNil(t, first.PausedAt)
		require.Equal(t, []string{stream, "ada", "a move"}, []string{first.Name, first.PausedBy, first.PausedBecause})
		second, err := control.PauseStream(t.Context(), pool, stream, "bob", "another reason")
		require.NoError(t, err)
		<-woken
		require.Equal(t, first, second)
		found, err := control.Streams(t.Context(), pool, stream)
		require.NoError(t, err)
		require.Equal(t, []control.Stream{first}, found)

		resumed, err := control.ResumeStream(t.Context(), pool, stream)
		require.NoError(t, err)
		<-woken
		require.Equal(t, control.Stream{Name: stream}, resumed)
	}
	all, err := control.Streams(t.Context(), pool, "")
	require.NoError(t, err)
	require.Equal(t, []control.Stream{{Name: "EVENTS"}, {Name: "NEVER-RELAYED"}}, all)
	unknown, err := control.ResumeStream(t.Context(), pool, "UNKNOWN")
	require.NoError(t, err)
	require.Equal(t, control.Stream{Name: "UNKNOWN"}, unknown)
	require.NoError(t, control.AwaitStream(t.Context(), pool, "UNKNOWN"))

	var position, sequence, requests int
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT position, sequence, requests FROM contrail.relays WHERE stream = 'EVENTS'`).
		Scan(&position, &sequence, &requests))
	require.Equal(t, []int{7, 8, 9}, []int{position, sequence, requests})
}

// A stream is paused when nobody publishes, and resumed when its leader does. Who is gone is not waited for.
func TestAwaitStream(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	leader := register(t, pool, "EVENTS", "leader", control.Leading)
	register(t, pool, "EVENTS", "standby", control.Standby)
	register(t, pool, "OTHER", "leader", control.Leading)
	set(t, pool, register(t, pool, "EVENTS", "died", control.Leading), `beat_at = clock_timestamp() - interval '1 h'`)
	lead(t, pool, "EVENTS", "leader")
	require.NoError(t, control.AwaitStream(t.Context(), pool, "EVENTS"), "it is not paused, and relayed")

	paused, err := control.PauseStream(t.Context(), pool, "EVENTS", "ada", "")
	require.NoError(t, err)
	require.Equal(t, "leader", paused.Leader)
	requirePending(t, control.AwaitStream(briefly(t), pool, "EVENTS"), "stream EVENTS is not paused yet: relay leader is leading")
	set(t, pool, leader, `state = 'paused'`)
	require.NoError(t, control.AwaitStream(t.Context(), pool, "EVENTS"))

	_, err = control.ResumeStream(t.Context(), pool, "EVENTS")
	require.NoError(t, err)
	requirePending(t, control.AwaitStream(briefly(t), pool, "EVENTS"), "stream EVENTS is not resumed yet: relay leader leads and is paused")
	set(t, pool, leader, `state = 'leading'`)
	require.NoError(t, control.AwaitStream(t.Context(), pool, "EVENTS"))
}

// A leader that is resumed while its stream is paused goes on being paused, and nobody waits for that to end.
func TestResumeInPausedStream(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	id := register(t, pool, "EVENTS", "r", control.Paused)
	_, err := control.PauseStream(t.Context(), pool, "EVENTS", "ada", "")
	require.NoError(t, err)
	order, err := control.Resume(t.Context(), pool, id, "ada")
	require.NoError(t, err)
	set(t, pool, id, `command = NULL`)
	requirePending(t, control.Await(briefly(t), pool, order), "relay r is not resumed yet: it is paused")
	lead(t, pool, "EVENTS", "r")
	require.NoError(t, control.Await(t.Context(), pool, order))
}
